"""The sample company: one consistent sales organisation as the exports that real systems give, with its planted truth.

It is part of the product: test your own rules and models on it, where the answer is known.
"""

from __future__ import annotations

from salesiq.sample.company import Company, generate
from salesiq.sample.exports import write_exports
from salesiq.sample.past import as_exported, book_of_exports
from salesiq.sample.scale import write_scale
from salesiq.sample.window import EXPORTED_AT

__all__ = ["EXPORTED_AT", "Company", "as_exported", "book_of_exports", "generate", "write_exports", "write_scale"]
