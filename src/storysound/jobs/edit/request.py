"""What an edit of a cue sheet is asked for, and what comes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from storysound.cue.score import Layer, MusicHit, Score
from storysound.errors import UsageError
from storysound.story import Mood

Action = Literal[
    "swap", "set", "move", "jump", "trim", "gain", "fade", "mute", "unmute", "lock", "unlock", "ban", "allow", "remove",
    "add", "undo", "redo",
]  # fmt: skip
BRIEF = ("ensemble", "style", "theme", "mood", "seed", "hits")  # what `set` changes of composed music
MOST_SEED = 2**31 - 1
_NEEDS_CUE = frozenset(
    {"swap", "set", "move", "jump", "trim", "gain", "fade", "mute", "unmute", "lock", "unlock", "remove"}
)
_NEEDS_SOUND = frozenset({"ban", "allow", "add"})


@dataclass(frozen=True)
class EditRequest:
    """One edit of a sheet. What an action doesn't need is left as it is."""

    sheet: Path
    action: Action
    cue: str = ""  # id
    sound: str = ""  # path in the library, or a file; of `swap`: empty takes the next runner-up
    text: str = ""  # of `swap`: words for the sound to look for
    change_db: float | None = None  # of `gain`
    change_s: float | None = None  # of `move` and `jump`
    start_s: float | None = None  # of `trim` and `add`, in the film
    end_s: float | None = None  # likewise; of `add`: None lets it play as long as it lasts
    in_s: float | None = None  # of `fade`
    out_s: float | None = None
    layer: Layer | None = None  # of `add`: None goes by the sound
    ensemble: str | None = None  # of `set`, as the next: who plays; None leaves what is there
    style: str | None = None  # "": the ensemble's own
    theme: str | None = None  # whose motif; "": the film's own
    mood: Mood | None = None
    seed: int | None = None  # of this scene alone
    hits: tuple[MusicHit, ...] | None = None  # moments in it that are marked, in seconds of the film
    number: int | None = None  # of `jump`: which of the cue's, from 1

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise UsageError(f"is {', '.join(get_args(Action))}; got {self.action!r}", field="action")
        if self.action in _NEEDS_CUE and not self.cue:
            raise UsageError(f"{self.action} needs the id of a cue", field="cue")
        if self.action in _NEEDS_SOUND and not self.sound:
            raise UsageError(f"{self.action} needs a sound", field="sound")
        if self.action == "swap" and self.sound and self.text:
            raise UsageError("a swap goes by `sound` or by `text`, not by both")
        if self.action == "set" and all(getattr(self, name) is None for name in BRIEF):
            raise UsageError(f"set needs what to change: {', '.join(BRIEF)}")
        if self.seed is not None and not 0 <= self.seed <= MOST_SEED:
            raise UsageError(f"must lie from 0 to {MOST_SEED}, got {self.seed}", field="seed")
        for action, field in (
            ("gain", "change_db"),
            ("move", "change_s"),
            ("jump", "number"),
            ("jump", "change_s"),
            ("add", "start_s"),
        ):
            if self.action == action and getattr(self, field) is None:
                raise UsageError(f"{action} needs it", field=field)


@dataclass(frozen=True)
class EditResult:
    """What came of it."""

    score: Score
    changed: tuple[str, ...]  # ids of the cues that are another now
