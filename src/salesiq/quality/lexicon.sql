-- quality.lexicon: the patterns by which a text is read, as one struct of regular expressions (RE2), Chinese and English.
--   content      four letters, digits or characters: less is no statement
--   filler       texts that say nothing, alone or one after another
--   time         words that set a time for a next step; a past one (上周五, 上月底) is none
--   deliverable  things that can be shown to have been done: a quote, a contract, a sample ...
-- Extend a line to teach a word; docs/quality.md lists what counts and what does not.
CREATE OR REPLACE MACRO quality.lexicon() AS {
    'content': '([\p{L}\p{N}][^\p{L}\p{N}]*){4}',
    'filler': concat('(?i)^[^\p{L}\p{N}]*((', concat_ws('|',
        '空|空白|无|没|没有|没有了|暂无|暂时没有|无内容|无备注|无痛点|无需求|同上|如上|见上|待定|待补|待补充|待填|后补|略|不详|不清楚|不知道|未知|未填',
        '跟进|继续跟进|持续跟进|保持跟进|再跟进|跟进中|待跟进|需跟进|后续跟进|继续|继续沟通|保持联系|保持沟通|再联系|再沟通|再约|再约时间|再说|再看|等消息|等客户消息|等回复|等通知|尽快推进|推进中|正常|正常拜访|日常拜访|例行拜访|拜访客户|一切正常',
        '测试|好|好的|可以|已完成|已沟通|已拜访|聊得不错|还行|谢谢',
        'n\s*/\s*a|na|nil|none|null|nan|no|nothing|empty|blank|unknown|undefined|same|same as above|as above|ditto|tbd|tba|tbc|todo|test|asdf|qwerty',
        'ok|okay|fine|good|all good|done|yes|normal|routine( visit)?|follow(ing)?[ -]?up|continue( to)? follow[ -]?up|to follow up|keep in touch|stay in touch|keep following|check in|see note|see above|x+'
        ), ')[^\p{L}\p{N}]*)+$'),
    'time': concat('(?i)', concat_ws('|',
        '今天|明天|后天|今日|明日|后日|今晚|明早|明晚|明上午|明下午|当天|次日|翌日',
        '(^|[^上个]|[下这]个)(周|星期|礼拜)[一二三四五六日天末]|[下本这]个?(周|星期|礼拜)',
        '(^|[^上个])月[底初中末]|[上中下]旬|[下本这当]个?月|[下本这]个?季度|季度?[末底]|年底|年末|年前|年内|节前|节后',
        '(\p{Nd}{1,2}|[一二三四五六七八九十]{1,2})月(\p{Nd}{1,2}|[一二三四五六七八九十]{1,3}|[底初中末]|份|[上中下]旬)?|(\p{Nd}{1,2}|[一二三四五六七八九十]{1,3})[日号]',
        '(\p{Nd}{1,3}|[一两二三四五六七八九十几]{1,2})个?(天|工作日|小时|周|星期|月)(之?内|以内|之?后)|\p{Nd}{1,2}点|\p{Nd}{1,2}[:：]\p{Nd}{2}',
        '\p{Nd}{4}[-/.年]\p{Nd}{1,2}([-/.月]\p{Nd}{1,2})?|(^|[^\p{Nd}/])\p{Nd}{1,2}/\p{Nd}{1,2}([^\p{Nd}/]|$)',
        '\b(today|tonight|tomorrow|(mon|tues|wednes|thurs|fri|satur|sun)day|mon|tues?|wed|thu(rs?)?|fri|eod|eow|eom|eoq|cob)\b',
        '\b(next|this|coming) (week|weekend|month|quarter)\b|\bend of (the |this |next )?(day|week|month|quarter|year)\b|\b(week|month|quarter|year)[ -]end\b',
        '\b(in|within) (\d+|an?|one|two|three|four|five|six|ten|a few|a couple of) (business |working )?(hour|day|week|month)s?\b',
        '\b(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)\.? \d{1,2}\b',
        '\b\d{1,2}(st|nd|rd|th)?[ -]?(of )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b',
        '\b(by|in|before|until) (january|february|march|april|june|july|august|september|october|november|december|q[1-4])\b',
        '\b(by|on|before|until) the \d{1,2}(st|nd|rd|th)\b|\b\d{1,2} ?[ap]\.?m\b|\bat noon\b')),
    'deliverable': concat('(?i)', concat_ws('|',
        '报价|方案|提案|合同|协议|订单|采购单|标书|投标|样品|样本|样机|打样|小样|试样|试用|试吃|试饮|试点|试销|试单|首单',
        '资料|手册|画册|目录|彩页|案例|演示|展示|路演|报告|报表|清单|明细|图纸|纪要|备忘录|计划书|建议书|计划表|排期|日程|议程|价格表|价目表|政策表|档期表|对比表|测算表|效果图|设计图',
        '发货|到货|送货|铺货|进场|上架|陈列|堆头|促销|物料|海报|补货|备货|库存表|对账|对帐|发票|开票|付款|回款|打款|预付款|定金|账期表|授信',
        '签字|签约|签署|盖章|审批|立项|验收|检测|质检|资质|证书|授权书|邮件|PPT|评审|评估表|测算|预算表|样板|培训材料',
        '\b(quotes?|quotations?|offers?|proposals?|contracts?|agreements?|ndas?|msas?|sows?|samples?|prototypes?|mock-?ups?|decks?|slides?|ppt|presentations?)\b',
        '\b(demos?|demonstrations?|reports?|pos?|purchase orders?|orders?|invoices?|statements?|reconciliations?|shipments?|deliver(y|ies)|payments?|deposits?)\b',
        '\b(tenders?|bids?|rfps?|rfis?|trials?|pilots?|pocs?|proofs? of concept|drafts?|specs?|specifications?|data ?sheets?|brochures?|catalog(ue)?s?|price ?lists?)\b',
        '\b(case stud(y|ies)|references?|minutes|agendas?|checklists?|schedules?|planograms?|forecasts?|budgets?|business cases?|roi|certificates?|signatures?|term sheets?|documents?|emails?)\b'))
};
