"""Frozen dataclasses from JSON and back. Nothing is guessed, converted or ignored."""

import json
import sys
from dataclasses import asdict, fields, is_dataclass
from types import UnionType
from typing import Any, NoReturn, TypeVar, get_args, get_origin, get_type_hints

from .errors import BundleError

Record = TypeVar("Record")


def json_value(text: bytes, where: str) -> object:
    """What a JSON text holds; repeated fields, NaN and endless nesting are refused."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: not valid JSON: {error}") from error


def record_from_json(kind: type[Record], value: object, where: str) -> Record:
    """A record of dataclass `kind`, or a `BundleError` that says where, what and what instead.

    A `ValueError` from the dataclass's own `__post_init__` becomes one too.
    """
    record: Record = _typed(kind, value, where)
    return record


def json_from_record(record: Any) -> str:
    """The same text for equal records: sorted, indented, ends with a newline."""
    return json.dumps(asdict(record), indent=1, sort_keys=True, allow_nan=False) + "\n"


def require(is_right: bool, rule: str, value: object) -> None:
    """For `__post_init__`."""
    if not is_right:
        raise ValueError(f"want {rule}, got {shortened(value)}")


def shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"field {shortened(repeated[0])} appears twice")
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _typed(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is object:
        return value
    if is_dataclass(kind):
        return _record(kind, value, where)
    if origin is dict and isinstance(value, dict):
        return {name: _typed(arguments[1], v, f"{where}.{name}") for name, v in value.items()}
    if origin is tuple and isinstance(value, list):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(kinds) == len(value):
            items = enumerate(zip(kinds, value, strict=True))
            return tuple(_typed(k, v, f"{where}[{i}]") for i, (k, v) in items)
    if kind is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if kind is not float and type(value) in (arguments if origin is UnionType else (kind,)):
        return value
    want = kind.__name__ if origin is None else str(kind)
    raise BundleError(f"{where}: want {want}, got {shortened(value)}")


def _record(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise BundleError(f"{where}: want an object, got {shortened(value)}")
    names = [field.name for field in fields(kind)]
    for name in names:
        if name not in value:
            raise BundleError(f"{where}: field {name} is missing")
    for name in value:
        if name not in names:
            raise BundleError(f"{where}: field {shortened(name)} is unknown")
    kinds = get_type_hints(kind)
    typed = {name: _typed(kinds[name], value[name], f"{where}.{name}") for name in names}
    try:
        return kind(**typed)
    except ValueError as error:
        raise BundleError(f"{where}: {error}") from error
