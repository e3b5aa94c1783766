"""The customers: who they are, whom reps talk to there, their credit, their stock, and what the news says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from salesiq.sample.frames import canonical, ids, pick, where_not
from salesiq.sample.people import Organisation
from salesiq.sample.window import Bools, Ints, Texts, Window, generator
from salesiq.sample.words import (
    BRAND_FIRST,
    GIVEN,
    INDUSTRIES,
    INDUSTRY_SHARES,
    INDUSTRY_WORDS,
    LEGAL_FORMS,
    SIGNAL_SOURCES,
    SIGNALS,
    SKUS,
    SURNAMES,
    TIERS,
    TITLES,
)

CUSTOMERS_PER_REP = 22
_CODE_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # GB 32100-2015: no I, O, S, V, Z
# What a customer's tier adds to the log hazard of winning, its weight when deals are dealt out, its amounts.
TIER_EFFECT = np.array([0.40, 0.15, 0.0, -0.25])
TIER_WEIGHT = np.array([3.0, 1.8, 1.0, 0.6])
TIER_SIZE = np.array([2.6, 1.5, 1.0, 0.55])


@dataclass(frozen=True)
class Customers:
    """Customers as arrays, one entry per customer, in the order of `ids`."""

    ids: Texts
    names: Texts
    industry: Ints
    tier: Ints
    owner: Ints  # rep index
    is_existing: Bools  # bought before the window
    contact_ids: Texts  # n customers by up to 4, "" where fewer
    contacts: pl.DataFrame


def make_customers(organisation: Organisation, seed: int, per_rep: int = CUSTOMERS_PER_REP) -> Customers:
    """Return the customers of all reps: about fifty (or a tenth) of them are TOP50."""
    rng = generator(seed, "customers")
    n = organisation.n * per_rep
    owner = np.repeat(np.arange(organisation.n), per_rep)
    n_top = min(50, n // 10) if n < 5000 else n // 100
    tier = rng.choice([1, 2, 3], n, p=[0.25, 0.45, 0.30])
    tier[rng.choice(n, n_top, replace=False)] = 0
    industry = rng.choice(len(INDUSTRIES), n, p=INDUSTRY_SHARES)
    city = np.array([name[:2] for name in organisation.city_names], dtype=object)[organisation.city[owner]]
    names = _names(rng, city, industry)
    width = max(4, len(str(n)))
    contact_ids, contacts = _contacts(rng, ids("C", n, width))
    return Customers(ids("C", n, width), names, industry, tier, owner, rng.random(n) < 0.55, contact_ids, contacts)


def _names(rng: np.random.Generator, city: Texts, industry: Ints) -> Texts:
    """City, brand, trade, legal form; a name that comes up twice gets another brand sign."""
    n = len(city)
    brand = pick(rng, BRAND_FIRST, n) + pick(rng, BRAND_FIRST, n)
    trade = np.array(
        [
            INDUSTRY_WORDS[INDUSTRIES[at]][which % len(INDUSTRY_WORDS[INDUSTRIES[at]])]
            for at, which in zip(industry, rng.integers(0, 12, n), strict=True)
        ],
        dtype=object,
    )
    names = city + brand + trade + pick(rng, LEGAL_FORMS, n)
    _, first = np.unique(names, return_index=True)
    again = np.setdiff1d(np.arange(n), first)
    names[again] = (
        city[again]
        + brand[again]
        + pick(rng, BRAND_FIRST, len(again))
        + pick(rng, BRAND_FIRST, len(again))
        + trade[again]
        + "有限公司"
    )
    return np.asarray(names, dtype=object)


def credit_codes(rng: np.random.Generator, n: int) -> Texts:
    """Return unified social credit codes with a right check sign (GB 32100-2015).

    >>> code = credit_codes(np.random.default_rng(1), 1)[0]
    >>> total = sum(_CODE_SIGNS.index(sign) * 3**at for at, sign in enumerate(code[:17]))
    >>> (total + _CODE_SIGNS.index(code[17])) % 31
    0
    """
    digits = rng.integers(0, 31, (n, 17))
    digits[:, :2] = (9, 1)
    digits[:, 2:8] = rng.integers(0, 10, (n, 6))
    digits[:, 2] = 3
    weights = np.array([pow(3, at, 31) for at in range(17)])
    check = (31 - digits @ weights % 31) % 31
    signs = np.array(list(_CODE_SIGNS))[np.column_stack([digits, check])]
    return np.array(["".join(row) for row in signs], dtype=object)


def _contacts(rng: np.random.Generator, customer_ids: Texts) -> tuple[Texts, pl.DataFrame]:
    """Two to four people a customer; the first always decides."""
    n = len(customer_ids)
    n_people = rng.integers(2, 5, n)
    at = np.repeat(np.arange(n), n_people)
    place = np.arange(len(at)) - np.repeat(np.cumsum(n_people) - n_people, n_people)
    contact_ids = ids("K", len(at), max(5, len(str(len(at)))))
    roles = np.array(list(TITLES), dtype=object)[place]
    titles = np.array(
        [TITLES[role][which] for role, which in zip(roles, rng.integers(0, 3, len(at)), strict=True)], dtype=object
    )
    grid = np.full((n, 4), "", dtype=object)
    grid[at, place] = contact_ids
    names = pick(rng, list(SURNAMES), len(at)) + pick(rng, GIVEN, len(at))
    frame = {"contact_id": contact_ids, "customer_id": customer_ids[at], "name": names, "title": titles, "buying_role": roles}
    return grid, canonical("contacts", frame)


def customer_frame(
    customers: Customers, organisation: Organisation, first_deal: Ints, window: Window, seed: int
) -> pl.DataFrame:
    """Return the canonical customers. `first_deal`: day of the first deal (a large number for none)."""
    rng = generator(seed, "customer_frame")
    n = len(customers.ids)
    before = np.where(customers.is_existing, -rng.integers(30, 1200, n), window.n_days)
    created = np.minimum(np.minimum(before, first_deal - rng.integers(1, 12, n)), rng.integers(0, window.n_days - 1, n))
    return canonical(
        "customers",
        {
            "customer_id": customers.ids,
            "name": customers.names,
            "credit_code": where_not(credit_codes(rng, n), rng.random(n) < 0.08),
            "industry": np.array(INDUSTRIES, dtype=object)[customers.industry],
            "region": organisation.region_names[organisation.region[customers.owner]],
            "tier": np.array(TIERS, dtype=object)[customers.tier],
            "owner_id": organisation.rep_ids[customers.owner],
            "created_at": window.moments(created, rng.integers(9 * 3600, 11 * 3600, n)),
        },
    )


def stock_frame(customers: Customers, window: Window, seed: int) -> pl.DataFrame:
    """Return monthly stock of two articles at every TOP50 customer."""
    rng = generator(seed, "stock")
    top = np.flatnonzero(customers.tier == 0)
    months = np.array([window.day(str(month)) for month in np.unique(window.dates[: window.n_days].astype("M8[M]"))])
    customer, month, article = (part.ravel() for part in np.meshgrid(top, months, np.arange(2), indexing="ij"))
    n = len(customer)
    return canonical(
        "stock_levels",
        {
            "customer_id": customers.ids[customer],
            "sku": np.array(SKUS, dtype=object)[(customer + article * 3) % len(SKUS)],
            "measured_at": window.moments(month + rng.integers(0, 3, n), rng.integers(9 * 3600, 17 * 3600, n)),
            "quantity": np.round(rng.gamma(2.0, 180.0, n)),
        },
    )


def signal_frame(customers: Customers, window: Window, seed: int) -> pl.DataFrame:
    """Return about seven news a month about customers; a tenth name a company that is no customer."""
    rng = generator(seed, "signals")
    n = window.n_days // 4
    at, is_known = rng.integers(0, len(customers.ids), n), rng.random(n) > 0.1
    kinds = pick(rng, list(SIGNALS), n, (0.25, 0.4, 0.2, 0.15))
    names = np.where(is_known, customers.names[at], "苏北" + pick(rng, BRAND_FIRST, n) + "商业集团")
    titles = [
        SIGNALS[kind][which].format(name=name, goods="饮料")
        for kind, which, name in zip(kinds, rng.integers(0, 2, n), names, strict=True)
    ]
    return canonical(
        "market_signals",
        {
            "signal_id": ids("G", n, 4),
            "customer_id": where_not(customers.ids[at], ~is_known),
            "customer_name": names,
            "kind": kinds,
            "published_at": window.moments(np.sort(rng.integers(0, window.n_days, n)), rng.integers(8 * 3600, 18 * 3600, n)),
            "title": titles,
            "source": pick(rng, SIGNAL_SOURCES, n),
        },
    )


def rating_frame(customers: Customers, downgraded: dict[int, int], window: Window, seed: int) -> pl.DataFrame:
    """Return half-yearly credit ratings, and an extra one, two grades down, for each customer in `downgraded` (its day)."""
    rng = generator(seed, "ratings")
    n = len(customers.ids)
    grade = rng.choice(4, n, p=[0.35, 0.40, 0.20, 0.05])
    planted = np.array(sorted(downgraded), dtype=np.int64)
    grade[planted] = np.minimum(grade[planted], 1)
    half_years = np.arange(5, window.n_days, 181)
    days: list[Ints] = []
    grades: list[Ints] = []
    rows: list[Ints] = []
    for first in half_years:
        days.append(np.full(n, first) + rng.integers(0, 10, n))
        grades.append(grade.copy())
        rows.append(np.arange(n))
        drift = rng.choice([-1, 0, 1], n, p=[0.04, 0.90, 0.06])
        drift[planted] = 0
        grade = np.clip(grade + drift, 0, 4)
    days.append(np.array([downgraded[at] for at in planted], dtype=np.int64))
    grades.append(grade[planted] + 2)
    rows.append(planted)
    row, day, letter = np.concatenate(rows), np.concatenate(days), np.concatenate(grades)
    order = np.lexsort((day, row))
    table = {
        "customer_id": customers.ids[row],
        "rated_on": window.days_of(day),
        "rating": np.array(list("ABCDE"), dtype=object)[letter],
    }
    return canonical("credit_ratings", table)[order]
