"""What kind of value a column holds, whatever its exact type: what training and serving have to agree on."""

from __future__ import annotations

import pyarrow as pa


def kind_of(arrow_type: pa.DataType) -> str:
    """The broad kind of an Arrow type: number, text, boolean, time, bytes, null or other."""
    tests = {
        "boolean": pa.types.is_boolean,
        "number": lambda one: pa.types.is_integer(one) or pa.types.is_floating(one) or pa.types.is_decimal(one),
        "text": lambda one: pa.types.is_string(one) or pa.types.is_large_string(one) or pa.types.is_string_view(one),
        "bytes": lambda one: pa.types.is_binary(one) or pa.types.is_large_binary(one) or pa.types.is_binary_view(one),
        "time": pa.types.is_temporal,
        "null": pa.types.is_null,
    }
    if pa.types.is_dictionary(arrow_type):
        return kind_of(arrow_type.value_type)
    return next((name for name, test in tests.items() if test(arrow_type)), "other")
