"""Each preset reads an export shaped as its system's: the names of the interface, and the labels of a list."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import polars as pl
import pytest
from exports import export

from salesiq.book import Book
from salesiq.load import LoadReport, load
from salesiq.load.mapping import STATES, preset_names, read_mapping

DEAL = "deal_id, customer_id, owner_id, amount, stage, status, closed_at::DATE::VARCHAR AS closed_on, lost_reason"
UNVERIFIED = ("fxiaoke", "kingdee", "xiaoshouyi", "yonyou_u8")


def loaded(folder: Path, preset: str) -> tuple[Book, LoadReport]:
    book = Book(":memory:")
    return book, load(book, folder, preset, exported_at="2026-03-31")


def told(book: Book, columns: str, table: str) -> list[tuple[object, ...]]:
    found = book.as_of("2026-03-31").sql(f"SELECT {columns} FROM base.{table}(as_of := $as_of) ORDER BY 1")
    return [tuple(value if value is None else str(value) for value in row) for row in found.rows()]


@pytest.mark.parametrize("name", [name for name in preset_names() if name != "sample"])
def test_each_says_what_it_was_checked_against(name: str) -> None:
    text = (resources.files("salesiq.load") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert read_mapping(name).status in STATES
    assert read_mapping(name).about
    assert (read_mapping(name).status == "unverified") == (name in UNVERIFIED)


def test_an_unverified_preset_is_told(tmp_path: Path) -> None:
    export(tmp_path, "SO1,C1,2026-01-05,1000.00", header="单据编号,客户编码,日期,价税合计", name="销售订单.csv")
    _, report = loaded(tmp_path, "kingdee")
    assert report.remarks.filter(remark="remark_unverified")["source_file"].to_list() == ["mapping:kingdee"]
    assert "未经" in report.message("zh")


SALESFORCE = {
    "Opportunity.csv": (
        "Id,AccountId,OwnerId,Name,Amount,CreatedDate,CloseDate,StageName,IsClosed,IsWon,IsDeleted",
        [
            "006A,001A,005A,One,1000.50,2026-01-02T01:00:00.000Z,2026-02-01,Closed Won,true,true,false",
            "006B,001A,005A,Two,5,2026-01-02T01:00:00.000Z,2026-02-03,Closed Lost,true,false,false",
            "006C,001A,005A,Three,7,2026-01-02T01:00:00.000Z,2026-05-01,Prospecting,false,false,false",
            "006D,001A,005A,Gone,7,2026-01-02T01:00:00.000Z,2026-05-01,Prospecting,false,false,true",
        ],
    ),
    "Opportunities-report.csv": (
        "Opportunity ID,Account Name,Opportunity Owner,Opportunity Name,Amount,Created Date,Close Date,Stage,Closed,Won",
        [
            "006A,001A,005A,One,1000.50,2026-01-02,2026-02-01,Closed Won,1,1",
            "006B,001A,005A,Two,5,2026-01-02,2026-02-03,Closed Lost,1,0",
            "006C,001A,005A,Three,7,2026-01-02,2026-05-01,Prospecting,0,0",
        ],
    ),
}


@pytest.mark.parametrize("file", SALESFORCE)
def test_salesforce_by_names_and_by_labels(tmp_path: Path, file: str) -> None:
    header, lines = SALESFORCE[file]
    export(tmp_path, *lines, header=header, name=file)
    book, report = loaded(tmp_path, "salesforce")
    assert report.n_rejected == 0
    assert told(book, DEAL, "deals") == [
        ("006A", "001A", "005A", "1000.50", "Closed Won", "won", "2026-02-01", None),
        ("006B", "001A", "005A", "5.00", "Closed Lost", "lost", "2026-02-03", None),
        ("006C", "001A", "005A", "7.00", "Prospecting", "open", None, None),
    ]


def test_salesforce_stage_history_and_field_history_are_one(tmp_path: Path) -> None:
    export(
        tmp_path,
        "006A,Prospecting,2026-01-02T01:00:00.000Z,10,false",
        "006A,Prospecting,2026-01-05T01:00:00.000Z,20,false",
        "006A,Proposal,2026-01-09T01:00:00.000Z,20,false",
        header="OpportunityId,StageName,CreatedDate,Amount,IsDeleted",
        name="OpportunityHistory.csv",
    )
    export(
        tmp_path,
        "006A,created,,,2026-01-02T01:00:00.000Z,false",
        "006A,Amount,10,20,2026-01-05T01:00:00.000Z,false",
        "006A,StageName,Prospecting,Proposal,2026-01-09T01:00:00.000Z,false",
        header="OpportunityId,Field,OldValue,NewValue,CreatedDate,IsDeleted",
        name="OpportunityFieldHistory.csv",
    )
    book, report = loaded(tmp_path, "salesforce")
    assert (report.n_new, report.n_rejected, report.n_skipped) == (3, 0, 3)
    assert told(book, "entered_at, stage", "stage_events") == [
        ("2026-01-02 09:00:00", "Prospecting"),
        ("2026-01-05 09:00:00", "Prospecting"),
        ("2026-01-09 09:00:00", "Proposal"),
    ]


def test_hubspot_by_names_and_by_labels(tmp_path: Path) -> None:
    header = (
        "Record ID,Associated Company IDs,Deal owner,Deal Name,Amount,Create Date,Close Date,Deal Stage,"
        "Is Deal Closed?,Is Closed Won"
    )
    export(
        tmp_path / "label",
        "1,9,Ann,One,10.5,2026-01-02 10:00,2026-02-01 10:00,Closed Won,true,true",
        "2,9,Ann,Two,5,2026-01-02 10:00,2026-02-03 10:00,Closed Lost,true,false",
        "3,9,Ann,Three,7,2026-01-02 10:00,2026-05-01 10:00,Proposal,false,false",
        header=header,
        name="hubspot-crm-exports-all-deals.csv",
    )
    header = (
        "id,hs_primary_associated_company,hubspot_owner_id,dealname,amount,createdate,closedate,dealstage,"
        "hs_is_closed,hs_is_closed_won"
    )
    export(
        tmp_path / "name",
        "1,9,Ann,One,10.5,2026-01-02T02:00:00Z,2026-02-01T02:00:00Z,Closed Won,true,true",
        "2,9,Ann,Two,5,2026-01-02T02:00:00Z,2026-02-03T02:00:00Z,Closed Lost,true,false",
        "3,9,Ann,Three,7,2026-01-02T02:00:00Z,2026-05-01T02:00:00Z,Proposal,false,false",
        header=header,
        name="deals.csv",
    )
    for folder in ("label", "name"):
        book, report = loaded(tmp_path / folder, "hubspot")
        assert report.n_rejected == 0, folder
        assert told(book, DEAL, "deals") == [
            ("1", "9", "Ann", "10.50", "Closed Won", "won", "2026-02-01", None),
            ("2", "9", "Ann", "5.00", "Closed Lost", "lost", "2026-02-03", None),
            ("3", "9", "Ann", "7.00", "Proposal", "open", None, None),
        ]


def test_dynamics_by_names_and_by_labels(tmp_path: Path) -> None:
    header = (
        "opportunityid,customerid,ownerid,name,estimatedvalue,actualvalue,createdon,"
        "estimatedclosedate,actualclosedate,stepname,statecode,statuscode"
    )
    export(
        tmp_path / "name",
        "a,9,Ann,One,10,12.5,2026-01-02T02:00:00Z,2026-02-05,2026-02-01,4-Close,1,3",
        "b,9,Ann,Two,5,0,2026-01-02T02:00:00Z,2026-02-05,2026-02-03,2-Develop,2,5",
        "c,9,Ann,Three,7,,2026-01-02T02:00:00Z,2026-05-01,,2-Develop,0,1",
        header=header,
        name="opportunities.csv",
    )
    header = (
        "(Do Not Modify) Opportunity,Potential Customer,Owner,Topic,Est. revenue,Actual Revenue,Created On,"
        "Est. close date,Actual Close Date,Pipeline Phase,Status,Status Reason"
    )
    export(
        tmp_path / "label",
        "a,9,Ann,One,10,12.5,2026-01-02,2026-02-05,2026-02-01,4-Close,Won,Won",
        "b,9,Ann,Two,5,0,2026-01-02,2026-02-05,2026-02-03,2-Develop,Lost,Out-Sold",
        "c,9,Ann,Three,7,,2026-01-02,2026-05-01,,2-Develop,Open,In Progress",
        header=header,
        name="My Open Opportunities.csv",
    )
    for folder in ("label", "name"):
        book, report = loaded(tmp_path / folder, "dynamics365")
        assert report.n_rejected == 0, folder
        assert told(book, DEAL, "deals") == [
            ("a", "9", "Ann", "12.50", "4-Close", "won", "2026-02-01", None),
            ("b", "9", "Ann", "5.00", "2-Develop", "lost", "2026-02-03", "Out-Sold"),
            ("c", "9", "Ann", "7.00", "2-Develop", "open", None, None),
        ]


def test_odoo_by_names_and_by_labels(tmp_path: Path) -> None:
    header = (
        "id,partner_id,user_id,name,expected_revenue,create_date,date_deadline,date_closed,stage_id,"
        "probability,active,type,lost_reason_id"
    )
    lines = (
        "1,9,Ann,One,12.5,2026-01-02 10:00:00,2026-02-05,2026-02-01 10:00:00,Won,100,True,opportunity,False",
        "2,9,Ann,Two,5,2026-01-02 10:00:00,2026-02-05,2026-02-03 10:00:00,Proposition,0,False,opportunity,Price",
        "3,9,Ann,Three,7,2026-01-02 10:00:00,False,False,Proposition,40.5,True,opportunity,False",
        "4,9,Ann,Lead,7,2026-01-02 10:00:00,False,False,New,10,True,lead,False",
    )
    export(tmp_path / "name", *lines, header=header, name="crm.lead.csv")
    header = (
        "External ID,Customer,Salesperson,Opportunity,Expected Revenue,Created on,Expected Closing,Closed Date,Stage,"
        "Probability,Active,Type,Lost Reason"
    )
    export(tmp_path / "label", *(line.replace("lead", "Lead") for line in lines), header=header, name="crm.lead (1).csv")
    for folder in ("label", "name"):
        book, report = loaded(tmp_path / folder, "odoo")
        assert (report.n_rejected, report.n_skipped) == (0, 1), folder
        assert told(book, DEAL, "deals") == [
            ("1", "9", "Ann", "12.50", "Won", "won", "2026-02-01", None),
            ("2", "9", "Ann", "5.00", "Proposition", "lost", "2026-02-03", "Price"),
            ("3", "9", "Ann", "7.00", "Proposition", "open", None, None),
        ]


@pytest.mark.parametrize(
    ("preset", "header", "name"),
    [
        (
            "fxiaoke",
            "商机编号,客户名称,负责人,商机名称,商机金额（元）,创建时间,预计成交日期,实际成交日期,商机阶段,阶段状态",
            "商机.csv",
        ),
        (
            "xiaoshouyi",
            "商机编号,客户名称,商机所有人,商机名称,销售金额,创建日期,预计结单日期,实际结单日期,销售阶段,状态",
            "销售机会.csv",
        ),
    ],
)
def test_chinese_crm_lists(tmp_path: Path, preset: str, header: str, name: str) -> None:
    lines = (
        "D1,甲,张三,一,12.50,2026-01-02 10:00,2026-02-05,2026-02-01,成交,赢单",
        "D2,甲,张三,二,7,2026-01-02 10:00,2026-05-01,,初访,进行中",
    )
    export(tmp_path, *lines, header=header, name=name, codec="gb18030")
    book, report = loaded(tmp_path, preset)
    assert report.n_rejected == 0, report.message()
    assert told(book, DEAL, "deals") == [
        ("D1", "甲", "张三", "12.50", "成交", "won", "2026-02-01", None),
        ("D2", "甲", "张三", "7.00", "初访", "open", None, None),
    ]


@pytest.mark.parametrize(
    ("preset", "header", "orders"),
    [
        ("kingdee", "单据编号,客户编码,日期,价税合计,行号", ["SO1-1", "SO1-2"]),
        ("kingdee", "FBillNo,FCustId,FDate,FAllAmount,FSeq", ["SO1-1", "SO1-2"]),
        ("yonyou_u8", "订单号,客户编码,订单日期,价税合计,行号", ["SO1-1", "SO1-2"]),
        ("yonyou_u8", "cSOCode,cCusCode,dDate,iNatSum,iRowNo", ["SO1-1", "SO1-2"]),
    ],
)
def test_lines_of_erp_orders(tmp_path: Path, preset: str, header: str, orders: list[str]) -> None:
    export(tmp_path, "SO1,C1,2026-01-05,1000.00,1", "SO1,C1,2026-01-05,5.50,2", header=header, name="销售订单列表.csv")
    book, report = loaded(tmp_path, preset)
    assert report.n_rejected == 0, report.message()
    assert [row[0] for row in told(book, "order_id, amount", "orders")] == orders
    assert pl.Series([row[1] for row in told(book, "order_id, amount", "orders")]).to_list() == ["1000.00", "5.50"]


def test_an_order_without_lines_keeps_its_number(tmp_path: Path) -> None:
    export(tmp_path, "SO1,C1,2026-01-05,1000.00", header="订单号,客户编码,订单日期,价税合计", name="销售订单.csv")
    book, _ = loaded(tmp_path, "yonyou_u8")
    assert told(book, "order_id, customer_id", "orders") == [("SO1", "C1")]
