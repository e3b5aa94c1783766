"""What an expression gives for the rows of a batch: whole columns at once, and a reason for each row where it gives nothing.

Numbers are decimals with ten places, never floats: `2024.994 * 3` is 6074.982. What a row cannot be read as is a fault of that
row alone, and only where it matters: the branch of an `if` that is not taken has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from operator import add, mul, sub, truediv

import polars as pl

from salesiq.load.amounts import Unreadable, amount
from salesiq.load.expressions import Call, Constant, Expression, Header, Kind, Node
from salesiq.load.moments import moment
from salesiq.load.values import clean

__all__ = ["Calculated", "as_text", "calculate"]

_PLACES = 10
_NUMBER = pl.Decimal(38, _PLACES)
_TYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "number": _NUMBER,
    "truth": pl.Boolean(),
    "day": pl.Datetime("us"),
}
_PLAIN = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,10})?$"
_YES, _NO = ("true", "t", "yes", "y", "1", "是", "√"), ("false", "f", "no", "n", "0", "否", "×")
_WIDE = Context(prec=60)


@dataclass(frozen=True)
class Calculated:
    """A column that was calculated: its values, and per row the reason why there is none (null where all is well)."""

    values: pl.Series
    reasons: pl.Series


def calculate(expression: Expression, cell: Callable[[str], pl.Series | None], height: int, zone: str) -> Calculated:
    """Calculate an expression over `height` rows; `cell` gives the text under a header, or None where the file lacks it.

    >>> from salesiq.load.expressions import parse_expression
    >>> cells = {"price": pl.Series(["1.005", "x"]), "n": pl.Series(["3", "2"])}
    >>> found = calculate(parse_expression("price * n", "own.toml", "amount"), cells.get, 2, "Asia/Shanghai")
    >>> as_text(found.values).to_list(), found.reasons.to_list()
    (['3.015', None], [None, 'reason_expression_number'])
    """
    return _Calculation(cell, height, zone).of(expression.root)


def as_text(values: pl.Series) -> pl.Series:
    """Write calculated values as the text that a contract's parser reads."""
    if values.dtype == pl.Decimal:
        return values.cast(_NUMBER).cast(pl.String).str.replace(r"\.?0+$", "")
    if values.dtype == pl.Datetime:
        return values.dt.to_string("%Y-%m-%d %H:%M:%S")
    if values.dtype == pl.Boolean:
        return pl.select(pl.when(values).then(pl.lit("true")).when(~values).then(pl.lit("false"))).to_series()
    return values


class _Calculation:
    def __init__(self, cell: Callable[[str], pl.Series | None], height: int, zone: str) -> None:
        self.cell, self.height, self.zone = cell, height, zone

    def of(self, node: Node) -> Calculated:
        if isinstance(node, Constant):
            return self._well(pl.Series([node.value], dtype=_TYPES[node.kind]).new_from_index(0, self.height))
        if isinstance(node, Header):
            found = self.cell(node.name)
            return self._well(self._nothing("text") if found is None else found)
        return self._call(node)

    def _well(self, values: pl.Series) -> Calculated:
        return Calculated(values, self._nothing("text"))

    def _nothing(self, kind: Kind) -> pl.Series:
        return pl.Series([None], dtype=_TYPES[kind]).new_from_index(0, self.height)

    def _call(self, node: Call) -> Calculated:
        read = [self._as(self.of(argument), kind) for argument, kind in zip(node.arguments, node.takes, strict=True)]
        if node.name == "if":
            return self._chosen(*read)
        if node.name == "coalesce":
            return self._first(read)
        fixed: list[object] = [item.value if isinstance(item, Constant) else None for item in node.arguments]
        own = self._nothing("text")
        if node.name in _SIGNS:
            values, own = _SIGNS[node.name](read[0].values, read[1].values)
        elif node.name == "date":
            values, own = self._days(read[0].values, str(fixed[1]) if len(fixed) > 1 else None)
        elif node.name == "is_true":
            values, own = _truths(read[0].values)
        else:
            values = _PLAINLY[node.name]([item.values for item in read], fixed)
        return Calculated(values, _coalesced([*(item.reasons for item in read), own]))

    def _as(self, found: Calculated, kind: Kind) -> Calculated:
        """Read a column as another kind, where it is not of that kind already."""
        if found.values.dtype == _TYPES[kind]:
            return found
        if kind == "text":
            return Calculated(as_text(found.values), found.reasons)
        values, reasons = _numbers(found.values) if kind == "number" else self._days(found.values, None)
        return Calculated(values, _coalesced([found.reasons, reasons]))

    def _days(self, text: pl.Series, form: str | None) -> tuple[pl.Series, pl.Series]:
        return _one_by_one(text, lambda value: moment(value, [form] if form else [], self.zone), "day")

    def _chosen(self, asked: Calculated, then: Calculated, other: Calculated) -> Calculated:
        is_then = asked.values.fill_null(value=False)
        values = then.values.zip_with(is_then, other.values)
        return Calculated(values, _coalesced([asked.reasons, then.reasons.zip_with(is_then, other.reasons)]))

    def _first(self, read: Sequence[Calculated]) -> Calculated:
        values, reasons = read[0].values, read[0].reasons
        for item in read[1:]:
            is_left = values.is_null() & reasons.is_null()
            values, reasons = item.values.zip_with(is_left, values), item.reasons.zip_with(is_left, reasons)
        return Calculated(values, reasons)


def _coalesced(columns: Sequence[pl.Series]) -> pl.Series:
    told = [column for column in columns if column.null_count() < len(column)]
    return pl.select(pl.coalesce(told)).to_series() if told else columns[0]


def _one_by_one(text: pl.Series, read: Callable[[str], object], kind: Kind) -> tuple[pl.Series, pl.Series]:
    """Read every distinct text once; a fault of the row where it cannot be read."""
    values: dict[str, object] = {}
    faults: dict[str, str] = {}
    for value in text.unique().drop_nulls():
        try:
            values[value] = read(value)
        except Unreadable:
            faults[value] = f"reason_expression_{kind}"
    return _replaced(text, values, _TYPES[kind]), _replaced(text, faults, pl.String())


def _replaced(text: pl.Series, by: dict[str, object] | dict[str, str], dtype: pl.DataType) -> pl.Series:
    if not by:
        return pl.Series([None], dtype=dtype).new_from_index(0, len(text))
    given = pl.Series(list(by.values()), dtype=dtype)
    return text.replace_strict(pl.Series(list(by)), given, default=None, return_dtype=dtype)


def _numbers(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Read texts as exact numbers: plain ones at once, the others (1,234.50, ￥5, 3万) as amounts."""
    is_plain = text.str.contains(_PLAIN)
    fast = text.set(~is_plain, None).str.strip_chars_start("+").cast(_NUMBER)
    careful, reasons = _one_by_one(text.set(is_plain, None), amount, "number")
    return _first_of(fast, careful), reasons


def _first_of(*columns: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(columns)).to_series()


def _truths(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    folded = text.str.to_lowercase()
    is_yes, is_no = folded.is_in(list(_YES)), folded.is_in(list(_NO))
    values = pl.select(pl.when(is_yes).then(True).when(is_no).then(False)).to_series()
    return values, _fault(text.is_not_null() & values.is_null(), "truth")


def _fault(is_wrong: pl.Series, kind: str) -> pl.Series:
    return pl.select(pl.when(is_wrong).then(pl.lit(f"reason_expression_{kind}"))).to_series()


def _arithmetic(sign: str) -> Callable[[pl.Series, pl.Series], tuple[pl.Series, pl.Series]]:
    def both(left: pl.Series, right: pl.Series) -> tuple[pl.Series, pl.Series]:
        by_zero = (right == 0).fill_null(value=False) if sign == "/" else pl.Series([False]).new_from_index(0, len(left))
        right = right.set(by_zero, None)
        values = _exactly(sign, left, right)
        is_lost = values.is_null() & left.is_not_null() & right.is_not_null()
        return values, _coalesced([_fault(by_zero, "zero"), _fault(is_lost, "range")])

    return both


def _exactly(sign: str, left: pl.Series, right: pl.Series) -> pl.Series:
    does: dict[str, Callable[[pl.Series, pl.Series], pl.Series]] = {"+": add, "-": sub, "*": mul, "/": truediv}
    try:
        return does[sign](left, right).cast(_NUMBER)
    except pl.exceptions.PolarsError:  # a result somewhere is too wide: found one by one, and a fault of its row
        pairs = zip(left.to_list(), right.to_list(), strict=True)
        return pl.Series([_one(sign, *pair) for pair in pairs], dtype=_NUMBER)


def _one(sign: str, left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return None
    does = {"+": _WIDE.add, "-": _WIDE.subtract, "*": _WIDE.multiply, "/": _WIDE.divide}
    try:
        found = does[sign](left, right).quantize(Decimal(1).scaleb(-_PLACES), ROUND_HALF_EVEN, _WIDE)
    except InvalidOperation:
        return None
    return found if abs(found) < Decimal(10) ** (38 - _PLACES) else None


def _compared(does: Callable[[pl.Series, pl.Series], pl.Series]) -> Callable[..., tuple[pl.Series, pl.Series]]:
    return lambda left, right: (does(left, right), _fault(pl.Series([False]).new_from_index(0, len(left)), "none"))


def _rounded(values: pl.Series, places: object) -> pl.Series:
    n = int(str(places))
    return values.round(max(0, min(n, _PLACES)), mode="half_away_from_zero").cast(_NUMBER)


def _part(part: str) -> Callable[[list[pl.Series], list[object]], pl.Series]:
    return lambda read, _: getattr(read[0].dt, part)().cast(pl.Int64).cast(_NUMBER)


def _sliced(text: pl.Series, start: int, length: int | None = None) -> pl.Series:
    return text.str.slice(max(start - 1, 0), length)


def _any_of(read: list[pl.Series]) -> pl.Series:
    found = read[0] == read[1]
    for choice in read[2:]:
        found = found | (read[0] == choice)
    return found


def _joined(read: list[pl.Series]) -> pl.Series:
    """Put texts together; an empty one adds nothing, and nothing but white space is null."""
    text = pl.select(pl.concat_str([as_text(item).fill_null("") for item in read])).to_series()
    return clean(text)


_SIGNS: dict[str, Callable[[pl.Series, pl.Series], tuple[pl.Series, pl.Series]]] = {
    **{sign: _arithmetic(sign) for sign in "+-*/"},
    "=": _compared(lambda left, right: left == right),
    "!=": _compared(lambda left, right: left != right),
    "<": _compared(lambda left, right: left < right),
    "<=": _compared(lambda left, right: left <= right),
    ">": _compared(lambda left, right: left > right),
    ">=": _compared(lambda left, right: left >= right),
    "and": _compared(lambda left, right: left & right),
    "or": _compared(lambda left, right: left | right),
}
_PLAINLY: dict[str, Callable[[list[pl.Series], list[object]], pl.Series]] = {
    "not": lambda read, _: ~read[0],
    "in": lambda read, _: _any_of(read),
    "concat": lambda read, _: _joined(read),
    "null_if": lambda read, _: read[0].set(_any_of(read).fill_null(value=False), None),
    "is_empty": lambda read, _: read[0].is_null(),
    "lower": lambda read, _: read[0].str.to_lowercase(),
    "upper": lambda read, _: read[0].str.to_uppercase(),
    "trim": lambda read, _: clean(read[0]),
    "substr": lambda read, fixed: read[0].str.slice(
        max(int(str(fixed[1])) - 1, 0), int(str(fixed[2])) if len(fixed) > 2 else None
    ),
    "replace": lambda read, fixed: read[0].str.replace_all(str(fixed[1]), str(fixed[2]), literal=True),
    "contains": lambda read, fixed: read[0].str.contains(str(fixed[1]), literal=True),
    "starts_with": lambda read, fixed: read[0].str.starts_with(str(fixed[1])),
    "number": lambda read, _: read[0],
    "round": lambda read, fixed: _rounded(read[0], fixed[1]),
    "abs": lambda read, _: read[0].abs(),
    "year": _part("year"),
    "quarter": _part("quarter"),
    "month": _part("month"),
    "day": _part("day"),
}
