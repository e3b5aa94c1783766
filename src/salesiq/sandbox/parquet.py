"""Parquet files: the columns' names, then groups of rows as they are typed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from salesiq.errors import InputError
from salesiq.sandbox.sheets import MOST_COLUMNS

__all__ = ["refuse_nested", "rows"]


def rows(path: str, size: int) -> Iterator[tuple[dict[str, Any], pa.RecordBatch | None]]:
    """Yield the names of the columns, then batches of `size` rows. Raises `InputError` for a cut or nested file."""
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        if len(schema) > MOST_COLUMNS:
            raise InputError("load.too_many_columns", n=len(schema), most=MOST_COLUMNS)
        yield {"columns": schema.names}, None
        refuse_nested(schema)
        for batch in file.iter_batches(size):
            yield {}, batch
    except pa.lib.ArrowMemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise InputError("load.parquet_broken") from error


def refuse_nested(schema: pa.Schema) -> None:
    """Raise `InputError` where a column holds no plain values."""
    nested = [field.name for field in schema if _is_nested(field.type)]
    if nested:
        raise InputError("load.parquet_nested", columns=", ".join(nested))


def _is_nested(kind: pa.DataType) -> bool:
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return bool(pa.types.is_nested(kind) or binary)
