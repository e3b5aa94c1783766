"""Organisation: who reports to whom."""

from __future__ import annotations

import datetime as dt

from salesiq.tables.fields import Table, field, key


class OrgUnits(Table):
    """One row per unit of the sales organisation and period in which it stood as described."""

    unit_id: str = key("Unit.")
    parent_unit_id: str = field("Unit above; null for the top.")
    level: str = field("company, region, city or the company's own word.")
    name: str = field("Name as people write it.")
    valid_from: dt.date = field("First day on which the unit stood like this; null for always.")
    valid_to: dt.date = field("First day on which it no longer did (half-open); null while it stands.")


class Reps(Table):
    """One row per person who sells or leads people who sell."""

    rep_id: str = key("Person.")
    name: str = field("Name as people write it.")
    unit_id: str = field("Unit the person belongs to.")
    manager_id: str = field("Person (rep_id) above.")
    role: str = field("rep, manager or the company's own word.")
    hired_on: dt.date = field("First working day.")
    left_on: dt.date = field("First day no longer employed; null while employed.")
