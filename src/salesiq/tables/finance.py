"""Finance: invoices, receipts, credit."""

from __future__ import annotations

import datetime as dt

from salesiq.tables.fields import Money, Table, field, key, required


class Invoices(Table):
    """One row per invoice."""

    invoice_id: str = key("Invoice.")
    contract_id: str = field("Contract it bills.")
    order_id: str = field("Order it bills.")
    customer_id: str = field("Customer.")
    issued_on: dt.date = required("Day of issue.")
    due_on: dt.date = field("Day on which payment is due.")
    amount: Money = field("Amount billed in the company's currency; negative for a credit note.")


class Receipts(Table):
    """One row per payment received."""

    receipt_no: str = key("Receipt.")
    invoice_id: str = field("Invoice it pays.")
    customer_id: str = field("Customer who paid.")
    received_on: dt.date = required("Day the money arrived.")
    amount: Money = field("Amount received in the company's currency; negative for a refund.")


class CreditRatings(Table):
    """One row per credit rating of a customer."""

    customer_id: str = key("Customer.")
    rated_on: dt.date = required("Day of the rating.")
    rating: str = field("Grade, A best.")
