"""The money of the coming months: how much, how sure, and whose invoices need somebody to ask for it."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from salesiq import forecast
from salesiq.figures import forecast_cash as draw
from salesiq.forecast.wins import Wins
from salesiq.i18n import Language, text
from salesiq.i18n import numbers as num
from salesiq.reports.document import Column, Picture, Section, Table
from salesiq.reports.sections.absent import absent
from salesiq.reports.trace import lines_of, origin_of
from salesiq.reports.week import Week
from salesiq.reports.wording import clauses, say

__all__ = ["DAYS", "section"]

DAYS, N_CUSTOMERS, N_PATHS = 90, 8, 1000
_TABLES = ("invoices", "receipts", "deals", "contracts", "orders")

_NAMES = """
SELECT customers.customer_id, customers.name AS customer, reps.name AS rep
FROM base.customers(as_of := $as_of) AS customers
LEFT JOIN base.reps(as_of := $as_of) AS reps ON reps.rep_id = customers.owner_id
ORDER BY customers.customer_id
"""


def section(week: Week) -> Section:
    """Return the money that is to be expected by month, and the customers of whose invoices most will still be unpaid."""
    lang = week.lang
    if missing := week.missing(forecast.cash_in):
        return absent("cash_in", missing, lang)
    origin = origin_of(week.now, "forecast.cash_in", _TABLES, lang)
    wins = _wins(week)
    months = week.ask(forecast.cash_in, days=DAYS, every="month", wins=wins, n_paths=N_PATHS)
    if months.is_empty():
        return Section(key="cash_in", title=say("cash_in_title", lang), finding=say("cash_in_nothing", lang), origin=origin)
    whole = week.ask(forecast.cash_in, days=DAYS, every=None, wins=wins, n_paths=N_PATHS)
    slow = _slow(week)
    total = whole.row(-1, named=True)
    return Section(
        key="cash_in",
        title=say("cash_in_title", lang),
        finding=say(
            "cash_in_finding", lang, days=DAYS, amount=num.amount(total["expected_amount"], lang), **_ends(total, lang)
        ),
        acts=_acts(slow, lang),
        leads=(say("cash_in_parts", lang, parts=clauses(_parts(whole, lang), lang)),) if whole.height > 2 else (),
        notes=(say("cash_in_note", lang), *_left_out(whole, lang)),
        tables=(_months(months, lang), *_customers(week, slow)),
        pictures=(Picture("cash-in", draw.cash_in(months, lang), say("cash_in_caption", lang), say("cash_in_alt", lang)),),
        origin=origin,
        facts={"days": DAYS, "expected_amount": total["expected_amount"], "low_80_amount": total["low_80_amount"]},
    )


def _wins(week: Week) -> Wins | None:
    """Return the wins to come, which bring money too; None where no deal is known."""
    if week.missing(forecast.bookings):
        return None
    return forecast.simulate_wins(week.now, DAYS, model=week.model, n_paths=N_PATHS)


def _ends(row: dict[str, Decimal], lang: Language) -> dict[str, str]:
    return {"low": num.amount(row["low_80_amount"], lang), "high": num.amount(row["high_80_amount"], lang)}


def _parts(whole: pl.DataFrame, lang: Language) -> list[str]:
    rows = whole.filter(pl.col("source") != "total").to_dicts()
    named = [(text(f"figures.cash_{row['source']}", lang), num.amount(row["expected_amount"], lang)) for row in rows]
    return [f"{name} {amount}" for name, amount in named]


def _left_out(whole: pl.DataFrame, lang: Language) -> list[str]:
    told = whole["source"].to_list()
    if "won_deals" not in told:
        return [say("cash_in_no_deals", lang)]
    return [] if "future_wins" in told else [say("cash_in_no_future", lang)]


def _slow(week: Week) -> pl.DataFrame:
    """Return the customers by what of their open invoices is expected still to be unpaid at the end."""
    found = week.ask(forecast.cash_in, days=DAYS, by="customer_id", every=None, n_paths=N_PATHS)
    came = found.filter((pl.col("source") == "open_invoices") & pl.col("customer_id").is_not_null())
    open_ = week.ask(forecast.payment_lags, by="customer_id").filter(pl.col("open_amount") > 0)
    rows = open_.select("customer_id", "open_amount", "median_days").join(
        came.select("customer_id", "expected_amount"), on="customer_id", how="inner", maintain_order="left"
    )
    rows = rows.with_columns(unpaid_amount=pl.col("open_amount") - pl.col("expected_amount"))
    rows = rows.sort("unpaid_amount", "customer_id", descending=[True, False]).head(N_CUSTOMERS)
    named = rows.join(week.now.sql(_NAMES), on="customer_id", how="left", maintain_order="left")
    return named.with_columns(customer=pl.coalesce("customer", "customer_id"), rep=pl.coalesce("rep", pl.lit("—")))


def _acts(slow: pl.DataFrame, lang: Language) -> tuple[str, ...]:
    """Return whom to ask first: the customer of whom most will be unpaid, where that is more than half of what it owes."""
    due = slow.filter(2 * pl.col("unpaid_amount") > pl.col("open_amount"))
    if due.is_empty():
        return ()
    row = due.row(0, named=True)
    words = {name: num.amount(row[f"{name}_amount"], lang) for name in ("open", "expected")}
    name = "cash_in_act" if 100 * row["expected_amount"] > row["open_amount"] else "cash_in_act_nothing"
    return (say(name, lang, customer=row["customer"], rep=row["rep"], days=DAYS, **words),)


def _months(months: pl.DataFrame, lang: Language) -> Table:
    wide = months.pivot("source", index=["start_on", "end_on"], values="expected_amount")
    ends = months.filter(pl.col("source") == "total").to_dicts()
    frame = wide.with_columns(
        period=pl.Series([draw.span_name(row["start_on"], row["end_on"]) for row in ends], dtype=pl.String),
        band=pl.Series([say("interval", lang, **_ends(row, lang)) for row in ends], dtype=pl.String),
    )
    sources = [name for name in draw.COLOURS if name in frame.columns]
    columns = (
        Column(say("col_cash_period", lang), "period"),
        _amount(say("col_cash_expected", lang), "total", lang),
        Column(say("col_cash_band", lang), "band"),
        *(_amount(text(f"figures.cash_{name}", lang), name, lang) for name in sources),
    )
    return Table("cash-months", frame, columns, caption=say("cash_in_months", lang))


def _customers(week: Week, slow: pl.DataFrame) -> list[Table]:
    lang = week.lang
    if slow.is_empty():
        return []
    places = lines_of(week.now, "customers", slow["customer_id"])
    frame = slow.with_columns(
        source=pl.Series([places.get(name, name) for name in slow["customer_id"].to_list()], dtype=pl.String)
    )
    columns = (
        Column(say("col_cash_customer", lang), "customer", note="rep"),
        _amount(say("col_cash_open", lang), "open_amount", lang),
        _amount(say("col_cash_comes", lang, days=DAYS), "expected_amount", lang),
        _amount(say("col_cash_unpaid", lang), "unpaid_amount", lang),
        Column(say("col_cash_usual", lang), "median_days", lambda value: num.days(value, lang), is_number=True),
    )
    return [Table("cash-customers", frame, columns, caption=say("cash_in_slow", lang, days=DAYS), source="source")]


def _amount(title: str, value: str, lang: Language) -> Column:
    return Column(title, value, lambda amount: num.amount(amount, lang), is_number=True)
