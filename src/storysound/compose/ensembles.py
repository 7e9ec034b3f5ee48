"""Who plays and how: ensembles and styles as data, ours (`ensembles.toml`, `styles.toml`) and those that users
write.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import msgspec

from storysound.errors import InputError, UsageError
from storysound.media.files import read_text
from storysound.story import Mood

Role = Literal["tune", "counter", "figure", "pad", "bass", "pulse", "accent", "shine", "fear"]
ROLES: tuple[Role, ...] = get_args(Role)
Stroke = Literal["low", "snare", "hat", "shaker", "crash"]
_USUAL = "film"  # style of an ensemble that names none
_CHORDAL = frozenset("012345b.-")  # letters of patterns for figures and accents
_LOW = frozenset("bBf.-")  # of basses and pulses
_BEATEN = frozenset("xXo.")  # of drums
_OCTAVE = 12

Made = TypeVar("Made")


@dataclass(frozen=True)
class Player:
    """A player, or a hand, or a section: plays its roles in moods inside `valence` and `arousal`.

    `low` to `high`: MIDI numbers that the instrument has; `early_s`: how long before the beat it begins, for its slow
    attack.
    """

    name: str
    roles: tuple[Role, ...]
    program: int
    low: int
    high: int
    gain_db: float = 0.0
    pan: float = 0.0
    early_s: float = 0.0
    valence: tuple[float, float] = (0.0, 1.0)
    arousal: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 <= self.program <= 127:
            raise ValueError(f"program of {self.name} must lie in [0, 127], got {self.program}")
        if not (self.low >= 0 and self.low + _OCTAVE < self.high <= 127):
            raise ValueError(f"range of {self.name} must hold more than an octave, got {self.low} to {self.high}")
        if not -1 <= self.pan <= 1:
            raise ValueError(f"pan of {self.name} must lie in [-1, 1], got {self.pan}")
        if not 0 <= self.early_s <= 0.2:
            raise ValueError(f"early_s of {self.name} must lie in [0, 0.2], got {self.early_s}")

    def suits(self, mood: Mood) -> bool:
        """Whether it plays in a mood."""
        return self.valence[0] <= mood.valence <= self.valence[1] and self.arousal[0] <= mood.arousal <= self.arousal[1]

    def fold(self, pitch: int) -> int:
        """A pitch of the same name inside the range, the nearest octave.

        >>> Player("Flute", ("tune",), 73, 60, 93).fold(48)
        60
        """
        while pitch < self.low:
            pitch += _OCTAVE
        while pitch > self.high:
            pitch -= _OCTAVE
        return pitch


@dataclass(frozen=True)
class Kit:
    """Drums: General MIDI's kit, and the keys of its strokes."""

    name: str
    program: int
    keys: Mapping[Stroke, int]
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if strange := [key for key in self.keys.values() if not 0 <= key <= 127]:
            raise ValueError(f"keys of {self.name} must lie in [0, 127], got {strange[0]}")


@dataclass(frozen=True)
class Ensemble:
    """Players, and the style they play in unless told another."""

    about: str
    players: tuple[Player, ...]
    style: str = _USUAL
    kit: Kit | None = None

    def __post_init__(self) -> None:
        if not any("tune" in player.roles for player in self.players):
            raise ValueError("nobody plays the tune")

    def cast(self, role: Role, mood: Mood) -> Player | None:
        """Who plays a role in a mood: the first that suits it, or, where none does, the last that has the role."""
        able = [player for player in self.players if role in player.roles]
        suited = [player for player in able if player.suits(mood)]
        return next(iter(suited or able[-1:]), None)


@dataclass(frozen=True)
class Pattern:
    """Steps that are repeated from each bar line on; `styles.toml` says how they are written."""

    role: Role
    step: float  # beats
    steps: str
    arousal: tuple[float, float]
    valence: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        letters = _LOW if self.role in ("bass", "pulse") else _CHORDAL
        if self.step <= 0 or not self.tokens():
            raise ValueError("a pattern needs steps longer than 0 beats")
        if strange := set(self.steps.replace(" ", "")) - letters:
            raise ValueError(
                f"steps of a {self.role} are written with {' '.join(sorted(letters))}, got {min(strange)!r}"
            )

    def tokens(self) -> list[str]:
        """One per step."""
        return self.steps.split()


@dataclass(frozen=True)
class Beat:
    """What the drums repeat, a letter a step."""

    step: float  # beats
    strokes: Mapping[Stroke, str]
    arousal: tuple[float, float]
    valence: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.step <= 0 or not all(self.strokes.values()):
            raise ValueError("drums need strokes, and steps longer than 0 beats")
        if strange := set("".join(self.strokes.values())) - _BEATEN:
            raise ValueError(f"strokes are written with {' '.join(sorted(_BEATEN))}, got {min(strange)!r}")


@dataclass(frozen=True)
class Style:
    """How an ensemble plays. Patterns are named as in the tables of patterns and drums."""

    about: str
    tempi: tuple[float, float]  # beats a minute at arousal 0 and 1
    figures: tuple[str, ...]
    basses: tuple[str, ...]
    pulses: tuple[str, ...] = ()
    accents: tuple[str, ...] = ()
    drums: tuple[str, ...] = ()
    threes: float = 0.2  # how likely bars have three beats
    colour: float = 0.5  # how often chords get sevenths and ninths, times what the mood says
    chord_bars: int = 1  # bars that a chord lasts where nothing else asks for another

    def __post_init__(self) -> None:
        if not 30 <= self.tempi[0] <= self.tempi[1] <= 240:
            raise ValueError(f"tempi must rise from 30 or more to 240 or less, got {self.tempi}")
        if not self.figures or not self.basses:
            raise ValueError("a style needs figures and basses")

    def names(self) -> tuple[str, ...]:
        """Of all its patterns but the drums."""
        return (*self.figures, *self.basses, *self.pulses, *self.accents)


@dataclass(frozen=True)
class Styles:
    """Styles with the patterns they name."""

    styles: Mapping[str, Style] = field(default_factory=dict)
    patterns: Mapping[str, Pattern] = field(default_factory=dict)
    drums: Mapping[str, Beat] = field(default_factory=dict)

    def style(self, name: str) -> Style:
        """Raises UsageError for an unknown name."""
        return _named("style", name, self.styles)

    def fitting(self, names: tuple[str, ...], mood: Mood) -> list[Pattern]:
        """Those of a style's patterns that suit a mood; where none does, the one that comes nearest."""
        among = [self.patterns[name] for name in names]
        fits = [pattern for pattern in among if _far(pattern, mood) == 0]
        return fits or sorted(among, key=lambda pattern: _far(pattern, mood))[:1]

    def beats(self, names: tuple[str, ...], mood: Mood) -> list[Beat]:
        """Those of a style's drums that suit a mood."""
        return [beat for beat in (self.drums[name] for name in names) if _far(beat, mood) == 0]

    def joined(self, other: "Styles") -> "Styles":
        """With those of another, which go first. Raises ValueError where a style names a pattern that isn't there."""
        both = Styles(
            {**self.styles, **other.styles}, {**self.patterns, **other.patterns}, {**self.drums, **other.drums}
        )
        for name, style in both.styles.items():
            unknown = [n for n in style.names() if n not in both.patterns] + [
                n for n in style.drums if n not in both.drums
            ]
            if unknown:
                raise ValueError(f"style {name} names {unknown[0]!r}, which is no pattern")
        return both


def _far(of: Pattern | Beat, mood: Mood) -> float:
    """How far a mood lies from those that a pattern or beat suits."""
    return _outside(of.arousal, mood.arousal) + _outside(of.valence, mood.valence)


def _outside(span: tuple[float, float], value: float) -> float:
    return max(span[0] - value, value - span[1], 0.0)


def _named(field: str, name: str, among: Mapping[str, Made]) -> Made:
    if name not in among:
        raise UsageError(f"must be one of {', '.join(sorted(among))}, got {name!r}", field=field)
    return among[name]


@cache
def ensembles() -> Mapping[str, Ensemble]:
    """Ours, by name."""
    return _ensembles((files("storysound") / "compose" / "ensembles.toml").read_text("utf-8"))


@cache
def styles() -> Styles:
    """Ours."""
    return Styles().joined(_styles((files("storysound") / "compose" / "styles.toml").read_text("utf-8")))


def ensemble(name: str, among: Mapping[str, Ensemble]) -> Ensemble:
    """Raises UsageError for an unknown name."""
    return _named("ensemble", name, among)


def read_ensembles(path: Path) -> Mapping[str, Ensemble]:
    """Ours and those of a file of the user's, which go first. Raises InputError where it isn't what it should be."""
    try:
        return {**ensembles(), **_ensembles(read_text(path))}
    except ValueError as error:
        raise InputError(path, f"is no table of ensembles: {error}", "see compose/ensembles.toml for ours") from error


def read_styles(path: Path) -> Styles:
    """Ours and those of a file of the user's, which go first. Raises InputError where it isn't what it should be."""
    try:
        return styles().joined(_styles(read_text(path)))
    except ValueError as error:
        raise InputError(path, f"is no table of styles: {error}", "see compose/styles.toml for ours") from error


def _ensembles(text: str) -> Mapping[str, Ensemble]:
    found = _converted(text, dict[str, Ensemble])
    for name, table in tomllib.loads(text).items():
        _check_keys(name, table, Ensemble)
        for row in table["players"]:
            _check_keys(f"{name}.players", row, Player)
        _check_keys(f"{name}.kit", table.get("kit", {}), Kit)
    return found


def _styles(text: str) -> Styles:
    found = _converted(text, Styles)
    content = tomllib.loads(text)
    _check_keys("the file", content, Styles)
    for kind, record in (("styles", Style), ("patterns", Pattern), ("drums", Beat)):
        for name, table in content.get(kind, {}).items():
            _check_keys(f"{kind}.{name}", table, record)
    return found


def _converted(text: str, kind: type[Made]) -> Made:
    """A TOML text as records. Raises ValueError (msgspec's and tomllib's errors are such)."""
    return msgspec.convert(tomllib.loads(text), kind, strict=False)


def _check_keys(where: str, table: Mapping[str, Any], record: type) -> None:
    """Raises ValueError for a key that the record doesn't have: a typing error would go unseen."""
    known = {each.name for each in fields(record)}
    if strange := table.keys() - known:
        raise ValueError(f"{where} has the unknown key {min(strange)!r}; there are {', '.join(sorted(known))}")
