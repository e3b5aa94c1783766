"""Splitting: one amount down a tree by weight, within floors and ceilings, in whole units, every sum kept to the cent.

Water filling: at each node the children get a common multiple of their weights, cut at their bounds, such that they sum to the
node's amount. All nodes of a level are filled at once (bisection on the multiple, then largest remainders), so that twenty
thousand people take a fraction of a second. All amounts are whole cents in 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from salesiq.errors import UsageError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NO_CEILING = np.iinfo(np.int64).max
_HALVINGS = 100
_NAMED = 5


@dataclass(frozen=True)
class Tree:
    """Nodes by number: `parents` (-1 for the top), the weight of those without children, and what was asked of each.

    `floors`, `ceilings` and `pins` are cents; a floor of 0, a ceiling of NO_CEILING and a pin of -1 ask nothing.
    """

    names: Sequence[str]
    parents: Ints
    weights: Floats
    floors: Ints
    ceilings: Ints
    pins: Ints

    def levels(self) -> list[Ints]:
        """Return the nodes by their depth, the top first."""
        found = [np.flatnonzero(self.parents == -1)]
        children = np.argsort(self.parents, kind="stable")
        counts = np.bincount(self.parents[self.parents >= 0], minlength=len(self.parents))
        starts = np.concatenate(([0], np.cumsum(counts)[:-1])) + (self.parents == -1).sum()
        while True:
            parents = found[-1][counts[found[-1]] > 0]
            if not len(parents):
                return found
            found.append(np.sort(np.concatenate([children[starts[one] : starts[one] + counts[one]] for one in parents])))


@dataclass(frozen=True)
class _Bounds:
    """What each node can get, given what was asked of it and of all below it."""

    low: Ints
    high: Ints


def split(tree: Tree, total: int, unit: int) -> Ints:
    """Return the amount of each node in cents: the top has `total`, children sum to their node, all in multiples of `unit`.

    What is no multiple of `unit` (pins, and a total that is none) is kept to the cent: one child of the node carries the rest.
    Raises UsageError that names the floors, ceilings and pins that clash.
    """
    levels = tree.levels()
    bounds = _bounds(tree, levels, total, unit)
    weights = _with_sums(tree, levels)
    amounts = np.zeros(len(tree.parents), dtype=np.int64)
    amounts[levels[0]] = total
    for nodes in levels[1:]:
        amounts[nodes] = _fill(nodes, tree, bounds, weights, amounts, unit)
    return amounts


def _bounds(tree: Tree, levels: list[Ints], total: int, unit: int) -> _Bounds:
    most = -(-total // unit) * unit + unit
    low, high = np.zeros(len(tree.parents), dtype=np.int64), np.zeros(len(tree.parents), dtype=np.int64)
    has_children = np.isin(np.arange(len(tree.parents)), tree.parents)
    for depth in range(len(levels) - 1, -1, -1):
        nodes = levels[depth]
        if depth + 1 < len(levels):
            below = levels[depth + 1]
            np.add.at(low, tree.parents[below], low[below])
            np.add.at(high, tree.parents[below], high[below])
        leaves = nodes[~has_children[nodes]]
        high[leaves] = most
        high[nodes] = np.minimum(high[nodes], most)
        _narrow(tree, nodes, low, high, total if depth == 0 else None)
        _round_to(tree, nodes, low, high, unit)
    return _Bounds(low, high)


def _narrow(tree: Tree, nodes: Ints, low: Ints, high: Ints, total: int | None) -> None:
    """Cut the range of nodes to what was asked of them; what the nodes below can give is there already."""
    pins = np.full(len(nodes), total) if total is not None else tree.pins[nodes]
    is_pinned = pins >= 0
    lowest = np.where(is_pinned, pins, tree.floors[nodes])
    highest = np.where(is_pinned, pins, tree.ceilings[nodes])
    _refuse(tree, nodes, lowest > highest, "own", lowest, highest)
    _refuse(tree, nodes, low[nodes] > highest, "floors", low[nodes], highest)
    _refuse(tree, nodes, high[nodes] < lowest, "ceilings", high[nodes], lowest)
    low[nodes], high[nodes] = np.maximum(low[nodes], lowest), np.minimum(high[nodes], highest)


def _round_to(tree: Tree, nodes: Ints, low: Ints, high: Ints, unit: int) -> None:
    """Narrow ranges to multiples of the unit; a range of one value stays what it is."""
    is_free = low[nodes] < high[nodes]
    rounded_low, rounded_high = -(-low[nodes] // unit) * unit, high[nodes] // unit * unit
    _refuse(tree, nodes, is_free & (rounded_low > rounded_high), "unit", low[nodes], high[nodes])
    low[nodes] = np.where(is_free, rounded_low, low[nodes])
    high[nodes] = np.where(is_free, rounded_high, high[nodes])


def _refuse(tree: Tree, nodes: Ints, wrong: NDArray[np.bool_], why: str, found: Ints, asked: Ints) -> None:
    if not wrong.any():
        return
    place = int(np.flatnonzero(wrong)[0])
    node = int(nodes[place])
    raise UsageError(
        f"targets.clash_{why}",
        node=tree.names[node],
        found=_yuan(int(found[place])),
        asked=_yuan(int(asked[place])),
        names=", ".join(_asked_below(tree, node, is_low=why == "floors")) or "-",
    )


def _yuan(cents: int) -> str:
    return f"{cents // 100:,}" + (f".{cents % 100:02}" if cents % 100 else "")


def _asked_below(tree: Tree, node: int, *, is_low: bool) -> list[str]:
    """Return the floors or ceilings, and the pins, that were asked for below a node, the heaviest first."""
    inside = np.zeros(len(tree.parents), dtype=bool)
    for nodes in tree.levels()[1:]:
        parents = tree.parents[nodes]
        inside[nodes] = (parents == node) | inside[parents]
    bound = tree.floors if is_low else tree.ceilings
    is_asked = inside & ((tree.pins >= 0) | ((bound > 0) if is_low else (bound < NO_CEILING)))
    amounts = np.where(tree.pins >= 0, tree.pins, bound)
    order = sorted(
        (int(one) for one in np.flatnonzero(is_asked)),
        key=lambda one: (-amounts[one] if is_low else amounts[one], tree.names[one]),
    )
    words = [f"{tree.names[one]} {_yuan(int(amounts[one]))}" for one in order[:_NAMED]]
    return words + (["..."] if len(order) > _NAMED else [])


def _with_sums(tree: Tree, levels: list[Ints]) -> Floats:
    weights = tree.weights.copy()
    for nodes in reversed(levels[1:]):
        np.add.at(weights, tree.parents[nodes], weights[nodes])
    return weights


def _fill(nodes: Ints, tree: Tree, bounds: _Bounds, weights: Floats, amounts: Ints, unit: int) -> Ints:
    """Return the amounts of the children of one level, given those of their parents."""
    parents, group = np.unique(tree.parents[nodes], return_inverse=True)
    low, high = bounds.low[nodes], bounds.high[nodes]
    is_exact = low == high
    rest = amounts[parents] - np.bincount(group, weights=np.where(is_exact, low, 0), minlength=len(parents)).astype(np.int64)
    n_units, cents = rest // unit, rest % unit
    free = np.flatnonzero(~is_exact)
    found = low.copy()
    filled = _fill_units(weights[nodes[free]], low[free] // unit, high[free] // unit, group[free], n_units)
    carriers = _carriers(weights[nodes[free]], filled < high[free] // unit, group[free], cents > 0)
    found[free] = filled * unit
    found[free[carriers]] += cents[group[free[carriers]]]
    return found


def _carriers(weights: Floats, has_room: NDArray[np.bool_], group: Ints, is_wanted: NDArray[np.bool_]) -> Ints:
    """Return for each group that has cents left the child with room and most weight."""
    able = np.flatnonzero(has_room & is_wanted[group])
    order = able[np.lexsort((able, -weights[able], group[able]))]
    _, first = np.unique(group[order], return_index=True)
    return np.asarray(order[first], dtype=np.int64)


def _fill_units(weights: Floats, low: Ints, high: Ints, group: Ints, totals: Ints) -> Ints:
    """Fill each group in whole units: a common multiple of the weights cut at the bounds, then largest remainders."""
    if not len(group):
        return low
    n = len(totals)
    largest = np.zeros(n)
    np.maximum.at(largest, group, weights)
    # who has no weight still must be able to take what others may not
    weight = np.where(largest[group] > 0, np.maximum(weights, largest[group] * 1e-9), 1.0)
    smallest, biggest = np.zeros(n), np.zeros(n)
    np.maximum.at(biggest, group, high / weight)
    for _ in range(_HALVINGS):
        middle = (smallest + biggest) / 2
        sums = np.bincount(group, weights=np.clip(middle[group] * weight, low, high), minlength=n)
        is_full = sums >= totals
        biggest, smallest = np.where(is_full, middle, biggest), np.where(is_full, smallest, middle)
    exact = np.clip(biggest[group] * weight, low, high)
    return _whole(exact, low, high, group, totals)


def _whole(exact: Floats, low: Ints, high: Ints, group: Ints, totals: Ints) -> Ints:
    """Return whole numbers near `exact` that sum to the totals: one more for the largest remainders, within the bounds."""
    found = np.clip(np.floor(exact).astype(np.int64), low, high)
    while True:
        missing = totals - np.bincount(group, weights=found, minlength=len(totals)).astype(np.int64)
        if not missing.any():
            return found
        step = np.sign(missing)[group]
        able = np.flatnonzero(((step > 0) & (found < high)) | ((step < 0) & (found > low)))
        order = able[np.lexsort((able, (step * (found - exact))[able], group[able]))]
        _, first, counts = np.unique(group[order], return_index=True, return_counts=True)
        place = np.arange(len(order)) - np.repeat(first, counts)
        chosen = order[place < np.abs(missing)[group[order]]]
        found[chosen] += step[chosen]
