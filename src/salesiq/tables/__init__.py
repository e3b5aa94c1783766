"""The contracts: one place that says what every canonical table holds.

`CONTRACTS` maps a table's name to its `Contract`; the order is that of the systems from organisation to log.
"""

from __future__ import annotations

from salesiq.tables import crm, erp, finance, log, market, org, people, plan
from salesiq.tables.contract import Contract

__all__ = ["CONTRACTS", "Contract"]

_ALL = (
    Contract("org_units", "org", org.OrgUnits, "master", ("unit_id", "valid_from"), "valid_from"),
    Contract("reps", "org", org.Reps, "master", ("rep_id",), "hired_on", reveals={"left_on": ()}),
    Contract("customers", "crm", crm.Customers, "master", ("customer_id",), "created_at"),
    Contract("contacts", "crm", crm.Contacts, "master", ("contact_id",)),
    Contract(
        "deals",
        "crm",
        crm.Deals,
        "master",
        ("deal_id",),
        "created_at",
        reveals={"closed_at": ("status", "stage", "lost_reason")},
        undated="unknown",
    ),
    Contract("stages", "crm", crm.Stages, "master", ("stage",)),
    Contract("stage_events", "crm", crm.StageEvents, "event", ("deal_id", "stage", "entered_at"), "entered_at", "recorded_at"),
    Contract(
        "approvals",
        "crm",
        crm.Approvals,
        "event",
        ("approval_id",),
        "submitted_at",
        reveals={"decided_at": ("outcome",)},
    ),
    Contract("activities", "crm", crm.Activities, "event", ("activity_id",), "occurred_at", "recorded_at"),
    Contract("documents", "crm", crm.Documents, "event", ("document_id",), "sent_at", reveals={"opened_at": ()}),
    Contract("forecast_calls", "crm", crm.ForecastCalls, "event", ("rep_id", "deal_id", "period", "called_at"), "called_at"),
    Contract("contracts", "erp", erp.Contracts, "event", ("contract_id",), "signed_on"),
    Contract("orders", "erp", erp.Orders, "event", ("order_id",), "ordered_at"),
    Contract("shipments", "erp", erp.Shipments, "event", ("shipment_no",), "shipped_at"),
    Contract("stock_levels", "erp", erp.StockLevels, "event", ("customer_id", "sku", "measured_at"), "measured_at"),
    Contract("invoices", "finance", finance.Invoices, "event", ("invoice_id",), "issued_on"),
    Contract("receipts", "finance", finance.Receipts, "event", ("receipt_no",), "received_on"),
    Contract("credit_ratings", "finance", finance.CreditRatings, "event", ("customer_id", "rated_on"), "rated_on"),
    Contract("targets", "plan", plan.Targets, "master", ("version", "period", "unit_id", "rep_id", "measure"), "set_at"),
    Contract("scenarios", "people", people.Scenarios, "master", ("scenario_id",)),
    Contract(
        "scenario_scores",
        "people",
        people.ScenarioScores,
        "event",
        ("rep_id", "scenario_id", "rater_id", "scored_at"),
        "scored_at",
    ),
    Contract(
        "proposals",
        "people",
        people.Proposals,
        "event",
        ("proposal_id",),
        "submitted_at",
        reveals={"reviewed_at": ("reviewer_id", "is_passed", "comment")},
    ),
    Contract("market_signals", "market", market.MarketSignals, "event", ("signal_id",), "published_at"),
    Contract("loads", "log", log.Loads, "log", ("load_id", "table_name", "source_file"), "exported_at"),
    Contract("rejects", "log", log.Rejects, "log", ("load_id", "source_file", "source_line", "source_column")),
    Contract("alerts", "log", log.Alerts, "event", ("alert_id",), "raised_at"),
    Contract("interventions", "log", log.Interventions, "event", ("intervention_id",), "started_at"),
    Contract("models", "log", log.Models, "log", ("model_id",), "fitted_at"),
)

CONTRACTS: dict[str, Contract] = {contract.name: contract for contract in _ALL}
