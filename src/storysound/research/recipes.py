"""Recipes of `storysound build`, `train` and `evaluate`, and the modules they are in."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

from storysound.errors import UsageError

BUILD = {"mmva": "mmva.build"}
TRAIN = {
    "bgtai": "bgtai.train",
    "caption": "bgtai.langue2gloss.train_caption",
    "ears": "ears.train",
    "langue2gloss": "bgtai.langue2gloss.train",
    "mac": "mac.train",
    "mmva": "mmva.train",
    "sos": "sos.train",
    "soundimage": "soundimage.train",
}
EVALUATE = {
    "bgtai": "bgtai.evaluate",
    "bgtai_ablation": "bgtai.ablation",
    "caption": "bgtai.langue2gloss.evaluate_caption",
    "classification": "bgtai.classification",
    "cross_modal": "bgtai.cross_modal",
    "events": "bgtai.events",
    "langue2gloss": "bgtai.langue2gloss.evaluate",
    "mac": "mac.evaluate",
    "mac_ablation": "mac.ablation",
    "mmva": "mmva.evaluate",
    "pictures": "soundimage.evaluate",
    "sos": "sos.evaluate",
    "tvsum": "mmva.tvsum",
}


def names(kind: Mapping[str, str] = TRAIN) -> tuple[str, ...]:
    """Names of all recipes of a kind, in alphabetical order."""
    return tuple(sorted(kind))


def module_of(name: str, kind: Mapping[str, str] = TRAIN) -> Any:
    """The module of a recipe. Raises UsageError for a name that isn't one."""
    if name not in kind:
        raise UsageError(f"no recipe {name!r}: there are {', '.join(names(kind))}")
    try:
        return import_module(f"storysound.research.{kind[name]}")
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
