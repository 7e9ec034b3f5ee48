"""Recipes of `storysound build`, `train` and `evaluate`: files of this room.

`build_<name>.py` has `Recipe` and `build(recipe, weights, tell)`;
`train_<name>.py` has `Recipe` and `train(recipe, weights, tell)`;
`evaluate_<name>.py` has `Recipe` and `evaluate(recipe, weights, tell)`.
"""

import pkgutil
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import storysound.jobs
from storysound.errors import UsageError

BUILD, TRAIN, EVALUATE = "build_", "train_", "evaluate_"


def names(kind: str = TRAIN) -> tuple[str, ...]:
    """Names of all recipes of a kind, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules(storysound.jobs.__path__))
    return tuple(sorted(name.removeprefix(kind) for name in found if name.startswith(kind)))


def module_of(name: str, kind: str = TRAIN) -> Any:
    """The module of a recipe. Raises UsageError for a name that isn't one."""
    if name not in names(kind):
        raise UsageError(f"no recipe {name!r}: there are {', '.join(names(kind))}")
    try:
        return import_module(f"storysound.jobs.{kind}{name}")
    except ModuleNotFoundError as error:
        raise UsageError(f"training needs {error.name}: pip install 'storysound[train]'") from None


def settings(kind: type, given: Sequence[str]) -> Any:
    """A recipe of the dataclass `kind` from `key=value` words. Raises UsageError that says what is wrong or missing."""
    known, types = {field.name: field for field in fields(kind)}, get_type_hints(kind)
    values: dict[str, Any] = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not equals or key not in known:
            raise UsageError(f"{word!r} is no setting: give key=value, with a key of {', '.join(known)}")
        values[key] = _value(types[key], key, value)
    missing = [name for name, field in known.items() if name not in values and not _has_default(field)]
    if missing:
        raise UsageError(f"give {' '.join(f'{name}=…' for name in missing)} (all settings and their defaults: --show)")
    try:
        return kind(**values)
    except ValueError as error:
        raise UsageError(str(error)) from None


def shown(kind: type) -> list[tuple[str, str]]:
    """Every key of a recipe with its default, "" where it has to be given."""
    return [(field.name, str(field.default) if _has_default(field) else "") for field in fields(kind)]


def speaks() -> bool:
    """Whether this process speaks for all that train together; the others run the same command (`train/loop`)."""
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    rank: int = getattr(rank_zero_only, "rank", 0)
    return rank == 0


def _has_default(field: "Field[Any]") -> bool:
    return field.default is not MISSING


def _value(kind: Any, key: str, text: str) -> Any:
    if kind is Path:
        return Path(text).expanduser()
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise UsageError(f"{key}: give true or false, got {text!r}")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{key}: needs {kind.__name__}, got {text!r}") from None
