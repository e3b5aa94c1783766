"""CRM: customers, deals, the stages they pass, and what reps write down about them."""

from __future__ import annotations

import datetime as dt

from salesiq.tables.fields import Moment, Money, Table, field, key, required


class Customers(Table):
    """One row per customer."""

    customer_id: str = key("Customer.")
    name: str = field("Legal or usual name.")
    credit_code: str = field("Unified social credit code (18 characters), where known.")
    industry: str = field("Industry or channel.")
    region: str = field("Region of the customer.")
    tier: str = field("Importance class as the company keeps it, such as TOP50, A, B.")
    owner_id: str = field("Rep (rep_id) in charge.")
    created_at: Moment = field("When the CRM got the record.")


class Contacts(Table):
    """One row per person at a customer."""

    contact_id: str = key("Contact.")
    customer_id: str = field("Customer the person works for.")
    name: str = field("Name.")
    title: str = field("Job title.")
    buying_role: str = field("Role in the decision: decision_maker, influencer, user, gatekeeper.")


class Deals(Table):
    """One row per deal (a chance to sell), open or closed."""

    deal_id: str = key("Deal.")
    customer_id: str = field("Customer.")
    owner_id: str = field("Rep (rep_id) in charge.")
    name: str = field("Title of the deal.")
    amount: Money = field("Expected, after a win agreed, value in `currency`.")
    currency: str = field("ISO 4217 code of `amount`.")
    product_line: str = field("Product line.")
    margin_share: float = field("Gross margin over amount; negative for a loss.", le=1.0)
    source: str = field("Where the deal came from.")
    is_new_customer: bool = field("Whether the customer had never bought before.")
    created_at: Moment = field("When the deal began.")
    expected_close_on: dt.date = field("Day on which the rep expects the decision.")
    stage: str = field("Stage at the time of the export.")
    status: str = field("open, won or lost at the time of the export.", isin=["open", "won", "lost"])
    closed_at: Moment = field("When it was won or lost; null while open.")
    lost_reason: str = field("Why it was lost.")


class Stages(Table):
    """One row per stage of the sales process."""

    stage: str = key("Stage, as deals and stage events name it.")
    position: int = field("Order in the process, from 1; a move to a smaller one is a step back.", ge=0)
    is_won: bool = field("Whether reaching it means the deal is won.")
    is_lost: bool = field("Whether reaching it means the deal is lost.")
    standard_days: float = field("Calendar days that the company allows for it.", ge=0)


class StageEvents(Table):
    """One row per entry of a deal into a stage."""

    deal_id: str = key("Deal.")
    stage: str = key("Stage entered.")
    entered_at: Moment = required("When the deal entered it.")
    recorded_at: Moment = field("When the CRM learned of it.")


class Approvals(Table):
    """One row per request that waits, or waited, at an approval node."""

    approval_id: str = key("Approval request.")
    deal_id: str = field("Deal it is about.")
    node: str = field("Approval node, such as price, legal, credit.")
    submitted_at: Moment = required("When it was handed in.")
    decided_at: Moment = field("When it was decided; null while it waits.")
    outcome: str = field("approved, rejected or returned; null while it waits.", isin=["approved", "rejected", "returned"])
    approver_id: str = field("Person who decides.")


class Activities(Table):
    """One row per contact with a customer that a rep wrote down."""

    activity_id: str = key("Activity record.")
    deal_id: str = field("Deal it belongs to, where it does.")
    customer_id: str = field("Customer.")
    rep_id: str = field("Rep who wrote it.")
    contact_id: str = field("Person talked to.")
    kind: str = field("visit, call, message, meeting, email or the company's own word.")
    channel: str = field("Where it took place, such as onsite, phone, wecom, wechat.")
    direction: str = field("inbound when the customer acted, outbound when the rep did.", isin=["inbound", "outbound"])
    occurred_at: Moment = required("When it took place.")
    recorded_at: Moment = field("When it was entered in the CRM.")
    pain_point: str = field("The customer's problem.")
    solution_fit: str = field("Why our solution fits it.")
    next_step: str = field("What was agreed to do next.")
    next_step_due_at: Moment = field("When the next step is due.")
    customer_words: str = field("What the customer said, in the customer's own words.")
    note: str = field("Free text.")


class Documents(Table):
    """One row per document sent to a customer."""

    document_id: str = key("Document.")
    deal_id: str = field("Deal.")
    kind: str = field("proposal, quotation, contract or the company's own word.")
    version: str = field("Version.")
    sent_at: Moment = required("When it was sent.")
    opened_at: Moment = field("When the customer first opened it; null if never.")


class ForecastCalls(Table):
    """One row per forecast that a rep gave for a deal and period."""

    rep_id: str = key("Rep who calls.")
    deal_id: str = key("Deal.")
    period: str = key("Period, such as 2026-Q2.")
    called_at: Moment = required("When the rep called it.")
    category: str = field("commit, best_case, pipeline or omitted.")
    amount: Money = field("Amount called.")
