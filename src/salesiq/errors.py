"""What can go wrong, as a small tree: each kind has the exit code that schedulers rely on."""

from __future__ import annotations

from typing import ClassVar

from salesiq.i18n import Language, text

__all__ = ["BookError", "BusyError", "DeliveryError", "InputError", "ModelError", "SalesiqError", "UsageError"]


class SalesiqError(Exception):
    """A fault that salesiq can name: what was wrong, where, what was expected, what to do.

    `key` names the text in the catalogues of `salesiq.i18n`; `facts` fill its placeholders.

    >>> str(UsageError("errors.no_macro", name="funnel.visit", near="funnel.visits"))
    'There is no metric named funnel.visit; the nearest is funnel.visits.'
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts

    def message(self, lang: Language = "en") -> str:
        """Return the message in `lang`."""
        return text(self.key, lang, **self.facts)

    def __str__(self) -> str:
        return self.message("en")


class UsageError(SalesiqError):
    """A call, a setting or a mapping that cannot be meant like this."""

    exit_code = 2


class InputError(SalesiqError):
    """An export that was refused; the book is unchanged."""

    exit_code = 3


class BusyError(SalesiqError):
    """Somebody else is writing the book; try again."""

    exit_code = 4


class BookError(SalesiqError):
    """The book cannot be opened or written."""

    exit_code = 5


class DeliveryError(SalesiqError):
    """A report was built but not delivered; try again."""

    exit_code = 6


class ModelError(SalesiqError):
    """A model that may not be used: cut, of another version, or without skill."""

    exit_code = 7
