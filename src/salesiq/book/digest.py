"""A digest of a book's content: equal for books that know the same, however they came to know it."""

from __future__ import annotations

import hashlib

import duckdb

from salesiq.tables import CONTRACTS, Contract

__all__ = ["HISTORY", "digest"]

HISTORY = ("existed_from", "known_from", "known_to", "is_gone")
_BATCH = 50_000


def digest(con: duckdb.DuckDBPyConnection, prefix: str = "book.main.") -> str:
    """Return the SHA-256 over all canonical tables, rows in the order of their own text."""
    found = hashlib.sha256()
    for contract in CONTRACTS.values():
        if contract.kind == "log":
            continue
        found.update(f"{contract.name}\n".encode())
        cursor = con.cursor()
        cursor.execute(f"SELECT {_text(contract)} AS line FROM {prefix}{contract.name} ORDER BY line")
        while lines := cursor.fetchmany(_BATCH):
            found.update("".join(line for (line,) in lines).encode())
        cursor.close()
    return found.hexdigest()


def _text(contract: Contract) -> str:
    names = [*contract.keys, *(name for name in contract.columns if name not in contract.keys), *HISTORY]
    return f"to_json([{', '.join(f'{name}::VARCHAR' for name in names)}])::VARCHAR || chr(10)"
