"""Rows as tables of other libraries, each column with the type that its row type says."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from modeltally.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import pyarrow as pa

    from modeltally.analytics.rows import Column

__all__ = ["to_arrow", "to_pandas"]


def to_arrow(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, metadata: Mapping[str, object]
) -> pa.Table:
    """Make an Arrow table.

    Args:
        rows: The rows.
        columns: What they are made of.
        metadata: What is kept beside them, as JSON under ``modeltally``.

    Returns:
        The table; times are in UTC, to the microsecond.

    Raises:
        SettingError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - slow to import, and not everybody has it
    except ModuleNotFoundError as error:
        raise _missing("to_arrow()", error) from error
    types = {
        bool: pa.bool_(),
        int: pa.int64(),
        float: pa.float64(),
        str: pa.string(),
        datetime: pa.timestamp("us", tz="UTC"),
        date: pa.date32(),
        dict: pa.map_(pa.string(), pa.int64()),
    }
    schema = pa.schema([pa.field(one.name, types[one.type], nullable=one.is_nullable) for one in columns])
    values = [pa.array([_value(row[one.name]) for row in rows], types[one.type]) for one in columns]
    told = {"modeltally": json.dumps(metadata, ensure_ascii=False)}
    return pa.Table.from_arrays(values, schema=schema.with_metadata(told))


def to_pandas(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, metadata: Mapping[str, object]
) -> pd.DataFrame:
    """Make a data frame: numbers that may be missing are of pandas' own types for that, so that none becomes a float.

    Args:
        rows: The rows.
        columns: What they are made of.
        metadata: What is kept beside them in ``attrs`` under ``modeltally``.

    Returns:
        The frame.

    Raises:
        SettingError: pandas or pyarrow is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - slow to import, and not everybody has it
    except ModuleNotFoundError as error:
        raise _missing("to_pandas()", error) from error
    table = to_arrow(rows, columns, metadata=metadata)
    import pyarrow as pa  # noqa: PLC0415 - there, or the line above had raised

    nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = table.to_pandas(types_mapper=nullable.get, maps_as_pydicts="strict")
    frame.attrs = {"modeltally": dict(metadata)}
    return frame


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _missing(call: str, error: ModuleNotFoundError) -> SettingError:
    return SettingError(
        f"{call} needs a package that is not installed ({error});"
        " install it with: pip install 'modeltally[frames]', or use to_dict()"
    )
