"""Market: news about customers."""

from __future__ import annotations

from salesiq.tables.fields import Moment, Table, field, key, required


class MarketSignals(Table):
    """One row per piece of news about a customer."""

    signal_id: str = key("Signal.")
    customer_id: str = field("Customer, where matched.")
    customer_name: str = field("Name in the news.")
    kind: str = field("funding, tender, hiring, lawsuit or the company's own word.")
    published_at: Moment = required("When it was published.")
    title: str = field("Headline.")
    source: str = field("Where it was found.")
