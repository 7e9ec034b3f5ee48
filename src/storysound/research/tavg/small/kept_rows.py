"""Rows of an ablation that were measured before, beside their runs: what is finished isn't done again."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from storysound.metrics.table import Row
from storysound.research.tavg.small.settings import SmallTavAblation, SmallTavTraining

FILE = "row.json"
_ELSEWHERE = {"out", "threads", "ends_only", "seeds"}  # changes nothing that a row says


def kept_row(folder: Path, run: SmallTavTraining, recipe: SmallTavAblation) -> Row | None:
    """The row of a run; None where there is none yet, a damaged one, or one of other settings."""
    try:
        kept = msgspec.json.decode((folder / FILE).read_bytes(), type=dict[str, msgspec.Raw])
        row = msgspec.json.decode(kept["row"], type=Row)
        settings = msgspec.json.decode(kept["settings"])
    except (OSError, KeyError, msgspec.MsgspecError):
        return None
    return row if settings == _settings(run, recipe) else None


def keep_row(row: Row, folder: Path, run: SmallTavTraining, recipe: SmallTavAblation) -> None:
    """Writes it, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{FILE}.part"
    partial.write_bytes(msgspec.json.encode({"settings": _settings(run, recipe), "row": row}))
    partial.replace(folder / FILE)


def _settings(run: SmallTavTraining, recipe: SmallTavAblation) -> Mapping[str, Any]:
    """All that a row depends on, as JSON gives it back."""
    both = {"run": asdict(run), "recipe": asdict(recipe)}
    kept = {name: {k: v for k, v in each.items() if k not in _ELSEWHERE} for name, each in both.items()}
    found: Mapping[str, Any] = json.loads(json.dumps(kept, default=str))
    return found
