"""ERP: contracts, orders, shipments, stock."""

from __future__ import annotations

import datetime as dt

from salesiq.tables.fields import Moment, Money, Table, field, key, required


class Contracts(Table):
    """One row per contract."""

    contract_id: str = key("Contract.")
    deal_id: str = field("Deal it came from.")
    customer_id: str = field("Customer.")
    signed_on: dt.date = required("Day of signing.")
    amount: Money = field("Contract value in the company's currency.")
    status: str = field("State as the ERP names it.")
    ends_on: dt.date = field("Day it ends.")


class Orders(Table):
    """One row per order."""

    order_id: str = key("Order.")
    contract_id: str = field("Contract it draws on.")
    deal_id: str = field("Deal it came from.")
    customer_id: str = field("Customer.")
    ordered_at: Moment = required("When it was placed.")
    amount: Money = field("Order value in the company's currency; negative for a return.")
    product_line: str = field("Product line.")


class Shipments(Table):
    """One row per shipment."""

    shipment_no: str = key("Shipment.")
    order_id: str = field("Order it fulfils.")
    customer_id: str = field("Customer.")
    shipped_at: Moment = required("When it left.")
    amount: Money = field("Value shipped in the company's currency.")


class StockLevels(Table):
    """One row per measurement of a customer's stock of an article."""

    customer_id: str = key("Customer.")
    sku: str = key("Article.")
    measured_at: Moment = required("When it was measured.")
    quantity: float = field("Units in stock.")
