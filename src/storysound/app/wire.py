"""The one JSON form of requests and results: records of any job there and back, by the types of their fields.

A record is an object of its fields; tuples are lists, paths and members of enumerations strings, what is not there is
null. A mood is [valence, arousal], and is also read from "V,A" or an object. JSON has no infinities: a level of silence
(-inf) and what isn't a number are null, and null is read as -inf where a number must stand.
"""

import dataclasses
import enum
import math
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from storysound.errors import UsageError
from storysound.story import Mood

Record = TypeVar("Record")
_ABSENT = type(None)


def write(value: Any) -> Any:
    """A record, or what stands in one, as JSON takes it. Raises UsageError for arrays: they have no JSON form."""
    if isinstance(value, Mood):
        return [write(value.valence), write(value.arousal)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _within(field.name, write, getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, enum.Enum):
        return write(value.value)
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _within(str(key), write, each) for key, each in value.items()}
    if isinstance(value, Sequence | frozenset):
        return [write(each) for each in (sorted(value) if isinstance(value, frozenset) else value)]
    raise UsageError(f"has no JSON form, being {type(value).__name__}: give the path of a file instead")


def read(kind: type[Record], value: Any) -> Record:
    """A record of this kind from what `json.loads` gave. Raises UsageError that names the field, as "mood.valence"."""
    return cast(Record, _record(kind, value))


def read_mood(value: Any) -> Mood:
    """A mood from "V,A", [valence, arousal], or an object of both.

    >>> read_mood("0.8, 0.3")
    Mood(valence=0.8, arousal=0.3)
    """
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = [value.get("valence"), value.get("arousal")]
    if not isinstance(value, Sequence) or len(value) != 2:
        raise UsageError("must be [valence, arousal], both from 0 to 1")
    return Mood(*(_within(axis, _axis, one) for axis, one in zip(("valence", "arousal"), value, strict=True)))


def _axis(value: Any) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise UsageError(f"must lie in [0, 1], got {value!r}")
    return number


def _record(kind: type, value: Any) -> Any:
    if kind is Mood:
        return read_mood(value)
    if not isinstance(value, Mapping):
        raise UsageError(f"must be an object, got {_named(value)}")
    hints = _hints(kind)
    wanted = {field.name: field for field in dataclasses.fields(cast(Any, kind)) if field.init}
    if odd := sorted(value.keys() - wanted.keys()):
        raise UsageError(f"is unknown: the fields are {', '.join(wanted)}", field=str(odd[0]))
    given = {name: _within(name, _value, hints[name], value[name]) for name in wanted if name in value}
    for name, field in wanted.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in given and not optional:
            raise UsageError("must be given", field=name)
    try:
        return kind(**given)
    except ValueError as error:  # records of row 0 check themselves without naming a field
        raise UsageError(str(error)) from error


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _within(name: str, make: Any, *given: Any) -> Any:
    try:
        return make(*given)
    except UsageError as error:
        raise error.within(name) from error


def _value(hint: Any, value: Any) -> Any:
    """What JSON holds as the type of a field wants it."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _one_of(inner, value)
    if origin is Literal:
        if value not in inner:
            raise UsageError(f"must be {', '.join(map(str, inner))}, got {_named(value)}")
        return value
    if origin is tuple or origin in (list, Sequence):
        return _row(inner, value, list if origin is list else tuple)
    if origin in (Mapping, dict) or hint in (Mapping, dict):
        return _table(inner or (Any, Any), value)
    return _plain(hint, value)


def _plain(hint: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        return _record(cast(type, hint), value)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _value(Literal[tuple(member.value for member in hint)], value) and hint(value)
    if hint is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    if hint is float and (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
        return -math.inf if value is None else float(value)
    if hint in (str, bool, int) and type(value) is hint:
        return value
    wanted = {Path: "a path", str: "a string", float: "a number", int: "a whole number", bool: "true or false"}
    raise UsageError(f"must be {wanted.get(hint, 'of another kind')}, got {_named(value)}")


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    """The first kind that takes it; with a path among them a string is one. What none takes, the first one refuses."""
    if value is None and _ABSENT in kinds:
        return None
    found = [kind for kind in kinds if kind is not _ABSENT]
    if Path in found and isinstance(value, str):
        found = [Path]
    fault: UsageError | None = None
    for kind in found:
        try:
            return _value(kind, value)
        except UsageError as error:
            fault = fault or error
    assert fault is not None
    raise fault


def _row(inner: tuple[Any, ...], value: Any, make: type) -> Any:
    if not isinstance(value, list | tuple):
        raise UsageError(f"must be a list, got {_named(value)}")
    kinds = [inner[0]] * len(value) if make is list or len(inner) == 1 or inner[-1] is ... else list(inner)
    if len(kinds) != len(value):
        raise UsageError(f"must be a list of {len(kinds)}, got {len(value)}")
    return make(_within(str(at), _value, kind, one) for at, (kind, one) in enumerate(zip(kinds, value, strict=True)))


def _table(inner: tuple[Any, ...], value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"must be an object, got {_named(value)}")
    return {key: _within(str(key), _value, inner[1], each) for key, each in value.items()}


def _named(value: Any) -> str:
    """What was given, shortly."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
