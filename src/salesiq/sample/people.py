"""The organisation: company, regions, cities, the people who sell and those who lead them, and how good they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from salesiq.sample.frames import canonical, ids
from salesiq.sample.window import Bools, Floats, Ints, Texts, Window, generator
from salesiq.sample.words import COMPANY, GIVEN, REGIONS, SURNAMES

# The people who misbehave, by their place in a seeded shuffle of the reps.
ROLES: dict[str, slice] = {
    "worst_records": slice(0, 3),
    "backfill": slice(3, 5),
    "selective": slice(5, 6),
    "no_records": slice(6, 7),
    "pseudo_advance": slice(7, 10),
    "optimist": slice(10, 11),
    "sandbagger": slice(11, 12),
}
N_LEAVERS = 6  # newcomers of the window who left before owning a deal


@dataclass(frozen=True)
class Organisation:
    """Units and people. The arrays hold one entry per selling rep, in the order of `rep_ids`."""

    frames: dict[str, pl.DataFrame]
    rep_ids: Texts
    rep_names: Texts
    city: Ints  # index into city_ids
    city_ids: Texts
    city_names: Texts
    city_region: Ints  # index into region_ids
    region_ids: Texts
    region_names: Texts
    hired: Ints  # day numbers; negative before the window
    skill: Floats
    good_share: Floats
    diligence: Floats
    optimism: Floats
    has_role: dict[str, Ints]
    manager_ids: Texts  # of the reps' cities
    all_managers: Texts

    @property
    def n(self) -> int:
        """Number of selling reps."""
        return len(self.rep_ids)

    @property
    def region(self) -> Ints:
        """Region index of each rep."""
        return self.city_region[self.city]

    def named(self, role: str) -> list[str]:
        """Ids of the reps who play a planted role."""
        return [str(rep) for rep in self.rep_ids[np.sort(self.has_role[role])]]

    def plays(self, role: str) -> Bools:
        """Whether each rep plays a planted role."""
        mask = np.zeros(self.n, dtype=bool)
        mask[self.has_role[role]] = True
        return mask


def make_organisation(n_reps: int, window: Window, seed: int) -> Organisation:
    """Return the units and people of a company with `n_reps` selling reps."""
    rng = generator(seed, "people")
    cities, city_region = _cities(n_reps)
    shuffle = rng.permutation(n_reps)
    city = np.sort(np.arange(n_reps) % len(cities))
    width = max(3, len(str(n_reps)))
    city_ids, region_ids = ids("U2", len(cities), 3), ids("U1", len(REGIONS), 2)
    managers = np.concatenate([["M000"], ids("M1", len(REGIONS), 2), ids("M2", len(cities), 3)]).astype(object)
    names = _person_names(rng, n_reps + N_LEAVERS + len(managers))
    hired = _hired(rng, shuffle, n_reps, window)
    good_share = rng.uniform(0.58, 0.90, n_reps)
    good_share[shuffle[ROLES["worst_records"]]] = (0.08, 0.12, 0.16)
    diligence = np.exp(rng.normal(0.0, 0.2, n_reps))
    diligence[shuffle[ROLES["worst_records"]]] = 1.7  # busy people, so that every week shows how they record
    skill = _standard(rng.normal(size=n_reps))
    for role in ("selective", "no_records"):  # they sign, which is what makes their silence telling
        skill[shuffle[ROLES[role]]], diligence[shuffle[ROLES[role]]] = 1.0, 1.4
    optimism = rng.normal(0.0, 0.25, n_reps)
    optimism[shuffle[ROLES["optimist"]]], optimism[shuffle[ROLES["sandbagger"]]] = 1.4, -1.4
    rep_ids = ids("R", n_reps, width)
    frames = {
        "org_units": _unit_frame(cities, city_region, city_ids, region_ids, window),
        "reps": _rep_frame(rng, rep_ids, names, city, city_ids, region_ids, city_region, hired, managers, window, width),
    }
    return Organisation(
        frames=frames,
        rep_ids=rep_ids,
        rep_names=names[:n_reps],
        city=city,
        city_ids=city_ids,
        city_names=np.array(cities, dtype=object),
        city_region=city_region,
        region_ids=region_ids,
        region_names=np.array([name for name, _ in REGIONS], dtype=object),
        hired=hired,
        skill=skill,
        good_share=good_share,
        diligence=diligence,
        optimism=optimism,
        has_role={role: shuffle[part] for role, part in ROLES.items()},
        manager_ids=managers[1 + len(REGIONS) :][city],
        all_managers=managers,
    )


def _cities(n_reps: int) -> tuple[list[str], Ints]:
    """Team names and their region: at least two reps a team; where teams would pass twelve, a city gets a second one."""
    pairs = [(city, at) for at, (_, cities) in enumerate(REGIONS) for city in cities]
    if n_reps < 2 * len(pairs):
        first = sorted(
            pairs, key=lambda pair: REGIONS[pair[1]][1].index(pair[0])
        )  # the first city of every region, then the second
        pairs = sorted(first[: max(len(REGIONS), n_reps // 2)], key=lambda pair: pair[1])
    n_each = max(1, -(-n_reps // (12 * len(pairs))))
    if n_each == 1:
        return [city for city, _ in pairs], np.array([at for _, at in pairs])
    many = [(f"{city}{team}部", at) for city, at in pairs for team in range(1, n_each + 1)]
    return [name for name, _ in many], np.array([at for _, at in many])


def _person_names(rng: np.random.Generator, n: int) -> Texts:
    pool = np.array([last + first for last in SURNAMES for first in GIVEN], dtype=object)
    return pool[rng.permutation(len(pool))[np.arange(n) % len(pool)]]


def _hired(rng: np.random.Generator, shuffle: Ints, n_reps: int, window: Window) -> Ints:
    """Most came years ago; the last sixth of the shuffle came in the window."""
    hired = -rng.integers(200, 2500, n_reps)
    new = shuffle[-max(1, n_reps // 6) :]
    hired[new] = window.working_on_or_after(np.linspace(20, window.n_days * 0.75, len(new)).astype(np.int64))
    return hired


def _standard(values: Floats) -> Floats:
    """Mean 0, spread 1: a company of average people, whatever the seed."""
    return np.asarray((values - values.mean()) / values.std())


def _unit_frame(cities: list[str], city_region: Ints, city_ids: Texts, region_ids: Texts, window: Window) -> pl.DataFrame:
    n = 1 + len(region_ids) + len(cities)
    return canonical(
        "org_units",
        {
            "unit_id": ["U0", *region_ids, *city_ids],
            "parent_unit_id": [None, *["U0"] * len(region_ids), *region_ids[city_region]],
            "level": ["company", *["region"] * len(region_ids), *["city"] * len(cities)],
            "name": [COMPANY, *[f"{name}大区" for name, _ in REGIONS], *cities],
            "valid_from": [window.start] * n,
            "valid_to": [None] * n,
        },
    )


def _rep_frame(
    rng: np.random.Generator, rep_ids: Texts, names: Texts, city: Ints, city_ids: Texts, region_ids: Texts, city_region: Ints,
    hired: Ints, managers: Texts, window: Window, width: int,
) -> pl.DataFrame:  # fmt: skip
    """Reps, then the newcomers who left, then the managers."""
    n_regions, n_cities = len(region_ids), len(city_ids)
    gone_city = np.arange(N_LEAVERS) % n_cities
    gone_hired = window.working_on_or_after(np.linspace(15, window.n_days * 0.7, N_LEAVERS).astype(np.int64))
    left = np.minimum(gone_hired + np.array([34, 81, 58, 20, 130, 75]), window.n_days - 2)
    top = np.concatenate([["U0"], region_ids, city_ids])
    above = np.concatenate([[None], ["M000"] * n_regions, managers[1 + city_region]])
    no_left: list[Any] = [None]
    return canonical(
        "reps",
        {
            "rep_id": [*rep_ids, *ids("R", N_LEAVERS, width, first=len(rep_ids) + 1), *managers],
            "name": names,
            "unit_id": [*city_ids[city], *city_ids[gone_city], *top],
            "manager_id": [*managers[1 + n_regions + city], *managers[1 + n_regions + gone_city], *above],
            "role": ["rep"] * (len(rep_ids) + N_LEAVERS) + ["manager"] * len(managers),
            "hired_on": window.days_of(np.concatenate([hired, gone_hired, -rng.integers(900, 4000, len(managers))])),
            "left_on": no_left * len(rep_ids) + window.days_of(left).tolist() + no_left * len(managers),
        },
    )
