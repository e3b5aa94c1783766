"""Expressions of a mapping: a column made from others, a condition on rows. A small language of its own, never Python.

    coalesce(销售编号, 负责人编号)     concat(first_name, ' ', last_name)     round([Unit Price] * quantity, 2)
    if(is_true(IsWon), 'won', 'open')  lower(is_deleted) = 'false'            stage in ('Won', 'Lost') and not is_empty(owner)

A bare word is a header of the file; a header with other signs stands in square brackets or in double quotes. Texts stand
in single quotes. There are no attributes, no indexes, no assignments, and only the functions of `FUNCTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from rapidfuzz import process

from salesiq.errors import UsageError

__all__ = ["FUNCTIONS", "Call", "Constant", "Expression", "Function", "Header", "Kind", "Node", "parse_expression"]

Kind = Literal["text", "number", "truth", "day"]

_LONGEST, _DEEPEST, _MOST_TOKENS = 2_000, 40, 300
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)(?![\w.])|'(?P<text>(?:[^']|'')*)'|\[(?P<bracketed>[^\[\]]+)\]"
    r'|"(?P<quoted>[^"]+)"|(?P<word>[^\W\d]\w*)|(?P<sign><=|>=|<>|!=|==|[=<>+\-*/(),]))'
)
_ORDER = ("<", "<=", ">", ">=")
_EQUAL = ("=", "==", "!=", "<>")
_WORDS = ("and", "or", "not", "in", "null", "true", "false")


@dataclass(frozen=True)
class Function:
    """What a function takes and gives: the kinds of its first arguments, how many it may have, the kind of its result.

    The kind of the last argument holds for all further ones. `None` takes any kind; as a result it means that of the
    arguments. `constants` names the places of arguments that must be written out, not computed.
    """

    takes: tuple[Kind | None, ...]
    least: int
    most: int
    gives: Kind | None
    constants: tuple[int, ...] = ()


FUNCTIONS: dict[str, Function] = {
    "coalesce": Function((None,), 1, 20, None),
    "concat": Function((None,), 1, 20, "text"),
    "if": Function(("truth", None, None), 3, 3, None),
    "null_if": Function((None, None), 2, 20, None),
    "is_empty": Function((None,), 1, 1, "truth"),
    "is_true": Function(("text",), 1, 1, "truth"),
    "lower": Function(("text",), 1, 1, "text"),
    "upper": Function(("text",), 1, 1, "text"),
    "trim": Function(("text",), 1, 1, "text"),
    "substr": Function(("text", "number", "number"), 2, 3, "text", (1, 2)),
    "replace": Function(("text", "text", "text"), 3, 3, "text", (1, 2)),
    "contains": Function(("text", "text"), 2, 2, "truth", (1,)),
    "starts_with": Function(("text", "text"), 2, 2, "truth", (1,)),
    "number": Function(("number",), 1, 1, "number"),
    "round": Function(("number", "number"), 2, 2, "number", (1,)),
    "abs": Function(("number",), 1, 1, "number"),
    "date": Function(("text", "text"), 1, 2, "day", (1,)),
    "year": Function(("day",), 1, 1, "number"),
    "quarter": Function(("day",), 1, 1, "number"),
    "month": Function(("day",), 1, 1, "number"),
    "day": Function(("day",), 1, 1, "number"),
}


@dataclass(frozen=True)
class Constant:
    """A value written out; None is null."""

    value: str | Decimal | bool | None
    kind: Kind


@dataclass(frozen=True)
class Header:
    """A column of the file, by its header."""

    name: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Call:
    """A function or a sign with its arguments; `takes` says as which kind each argument is read."""

    name: str
    arguments: tuple[Node, ...]
    takes: tuple[Kind, ...]
    kind: Kind


Node = Constant | Header | Call


@dataclass(frozen=True)
class Expression:
    """An expression that was understood, with the text it came from."""

    text: str
    root: Node

    @property
    def needed(self) -> frozenset[str]:
        """Headers that must be there; those inside `coalesce(...)` need not."""
        return frozenset(name for name, is_needed in _headers(self.root, is_needed=True) if is_needed)

    @property
    def named(self) -> tuple[str, ...]:
        """All headers, in the order in which they are named."""
        return tuple(dict.fromkeys(name for name, _ in _headers(self.root, is_needed=True)))


def parse_expression(text: object, place: str, name: str, kind: Kind | None = None) -> Expression:
    """Read an expression; `place` and `name` say where it stands in messages, `kind` what it must give.

    Raises `UsageError` for anything that the language does not have.

    >>> parse_expression("concat(first_name, ' ', [Last Name])", "own.toml", "derived.name").named
    ('first_name', 'Last Name')
    """
    if not isinstance(text, str):
        raise UsageError("load.mapping_kind", place=place, name=name, expected='"expression"')
    if len(text) > _LONGEST:
        raise UsageError("load.expression_long", place=place, name=name, n=len(text), most=_LONGEST)
    root = _Parser(text, place, name).whole()
    if kind is not None and root.kind != kind:
        raise UsageError("load.expression_kind", place=place, name=name, found=root.kind, expected=kind)
    return Expression(text, root)


def _headers(node: Node, *, is_needed: bool) -> Iterator[tuple[str, bool]]:
    if isinstance(node, Header):
        yield node.name, is_needed
    elif isinstance(node, Call):
        for argument in node.arguments:
            yield from _headers(argument, is_needed=is_needed and node.name != "coalesce")


def _is_written_out(node: Node) -> bool:
    """Whether an argument is a text or a whole number that stands there as it is."""
    if not isinstance(node, Constant) or node.value is None:
        return False
    return isinstance(node.value, str) or (isinstance(node.value, Decimal) and node.value == int(node.value) < 1_000)


class _Parser:
    """Recursive descent, one method a level of binding: or, and, not, comparison, sum, product, minus, atom."""

    def __init__(self, text: str, place: str, name: str) -> None:
        self.text, self.place, self.name = text, place, name
        self.tokens = list(self._tokens())
        if len(self.tokens) > _MOST_TOKENS:
            raise self._error("long", n=len(self.tokens), most=_MOST_TOKENS)
        self.at = 0
        self.depth = 0

    def _tokens(self) -> Iterator[tuple[str, str]]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None or found.lastgroup is None:
                rest = self.text[at:].lstrip()
                raise self._error("character", found=rest[:12], at=end - len(rest.rstrip()) + 1)
            yield found.lastgroup, found[found.lastgroup]
            at = found.end()

    def _error(self, key: str, **facts: object) -> UsageError:
        return UsageError(f"load.expression_{key}", place=self.place, name=self.name, **facts)

    def whole(self) -> Node:
        node = self._either()
        if self.at < len(self.tokens):
            raise self._error("unexpected", found=self.tokens[self.at][1], after=self._before())
        return node

    def _before(self) -> str:
        return " ".join(value for _, value in self.tokens[max(self.at - 3, 0) : self.at]) or "-"

    def _sign(self, *signs: str) -> str | None:
        if self.at < len(self.tokens):
            group, value = self.tokens[self.at]
            is_word = group == "word" and value.lower() in signs and value.lower() in _WORDS
            if is_word or (group == "sign" and value in signs):
                self.at += 1
                return value.lower()
        return None

    def _expect(self, sign: str) -> None:
        if self._sign(sign) is None:
            found = self.tokens[self.at][1] if self.at < len(self.tokens) else "-"
            raise self._error("expected", expected=sign, found=found, after=self._before())

    def _either(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error("deep", most=_DEEPEST)
        node = self._both()
        while self._sign("or"):
            node = self._call("or", (node, self._both()), ("truth", "truth"), "truth")
        self.depth -= 1
        return node

    def _both(self) -> Node:
        node = self._negated()
        while self._sign("and"):
            node = self._call("and", (node, self._negated()), ("truth", "truth"), "truth")
        return node

    def _negated(self) -> Node:
        n_not = 0
        while self._sign("not"):
            n_not += 1
        node = self._comparison()
        return self._call("not", (node,), ("truth",), "truth") if n_not % 2 else node

    def _comparison(self) -> Node:
        left = self._sum()
        if self._sign("in"):
            return self._one_of(left)
        sign = self._sign(*_ORDER, *_EQUAL)
        if sign is None:
            return left
        right = self._sum()
        kind = self._common((left, right))
        if sign in _ORDER and kind not in ("number", "day"):
            raise self._error("order", found=sign)
        sign = {"==": "=", "<>": "!="}.get(sign, sign)
        return self._call(sign, (left, right), (kind, kind), "truth")

    def _one_of(self, left: Node) -> Node:
        self._expect("(")
        choices = self._list()
        if not choices:
            raise self._error("expected", expected="...", found=")", after="in (")
        nodes = (left, *choices)
        kind = self._common(nodes)
        return self._call("in", nodes, (kind,) * len(nodes), "truth")

    def _sum(self) -> Node:
        node = self._product()
        while sign := self._sign("+", "-"):
            node = self._call(sign, (node, self._product()), ("number", "number"), "number")
        return node

    def _product(self) -> Node:
        node = self._signed()
        while sign := self._sign("*", "/"):
            node = self._call(sign, (node, self._signed()), ("number", "number"), "number")
        return node

    def _signed(self) -> Node:
        n_minus = 0
        while self._sign("-"):
            n_minus += 1
        node = self._atom()
        return self._call("-", (Constant(Decimal(0), "number"), node), ("number", "number"), "number") if n_minus % 2 else node

    def _atom(self) -> Node:
        if self._sign("("):
            node = self._either()
            self._expect(")")
            return node
        if self.at >= len(self.tokens) or self.tokens[self.at][0] == "sign":
            found = self.tokens[self.at][1] if self.at < len(self.tokens) else "-"
            raise self._error("expected", expected="...", found=found, after=self._before())
        group, value = self.tokens[self.at]
        self.at += 1
        if group == "number":
            return Constant(Decimal(value), "number")
        if group == "text":
            return Constant(value.replace("''", "'"), "text")
        return self._word(value) if group == "word" else Header(value.strip())

    def _word(self, value: str) -> Node:
        if self._sign("("):
            return self._function(value, self._list())
        if value.lower() in ("true", "false"):
            return Constant(value.lower() == "true", "truth")
        if value.lower() == "null":
            return Constant(None, "text")
        if value.lower() in _WORDS:
            raise self._error("unexpected", found=value, after=self._before())
        return Header(value)

    def _list(self) -> tuple[Node, ...]:
        """Read arguments up to the closing bracket; the opening one is read already."""
        if self._sign(")"):
            return ()
        nodes = [self._either()]
        while self._sign(","):
            nodes.append(self._either())
        self._expect(")")
        return tuple(nodes)

    def _function(self, name: str, arguments: tuple[Node, ...]) -> Node:
        function = FUNCTIONS.get(name.lower())
        if function is None:
            near = process.extractOne(name, tuple(FUNCTIONS))
            raise self._error("function", found=name, near=near[0] if near else "-", known=", ".join(FUNCTIONS))
        if not function.least <= len(arguments) <= function.most:
            facts = {"least": function.least, "most": function.most}
            raise self._error("arguments", found=name, n=len(arguments), **facts)
        for at in function.constants:
            if at < len(arguments) and not _is_written_out(arguments[at]):
                raise self._error("constant", found=name, n=at + 1)
        free = arguments[1:] if name.lower() == "if" else arguments
        common = self._common(free) if function.gives is None or name.lower() == "null_if" else "text"
        takes = tuple(
            function.takes[min(at, len(function.takes) - 1)] or (common if function.gives is None else argument.kind)
            for at, argument in enumerate(arguments)
        )
        return self._call(name.lower(), arguments, takes, function.gives or common)

    def _common(self, nodes: tuple[Node, ...]) -> Kind:
        """Return the kind as which several values are read together: a text beside a number or a day is read as such."""
        kinds = {node.kind for node in nodes if not (isinstance(node, Constant) and node.value is None)}
        if len(kinds) == 1:
            return kinds.pop()
        if not kinds:
            return "text"
        strict = kinds - {"text"}
        if len(strict) == 1 and "truth" not in strict:
            return strict.pop()
        raise self._error("mixed", found=", ".join(sorted(kinds)))

    def _call(self, name: str, arguments: tuple[Node, ...], takes: tuple[Kind, ...], kind: Kind) -> Call:
        for argument, wanted in zip(arguments, takes, strict=True):
            is_read = argument.kind == "text" and wanted in ("number", "day")
            is_null = isinstance(argument, Constant) and argument.value is None
            is_no_number = isinstance(argument, Constant) and is_read and wanted == "number"
            if is_no_number or (argument.kind != wanted and not is_read and not is_null and wanted != "text"):
                raise self._error("mixed", found=f"{name}: {argument.kind}, {wanted}")
        return Call(name, arguments, takes, kind)
