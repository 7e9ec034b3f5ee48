"""What no sound of the library is near enough to: sounds that a model makes for it, where else nothing would be heard.

Only where it is clear what is seen or told, the clip has no sound of its own and no effect was laid; and only sounds
that are heard as what they were asked to be.
"""

import math
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from storysound.cue.licences import allows_commerce
from storysound.cue.score import Cue
from storysound.encode.pool import Models
from storysound.encode.wording import sentences
from storysound.errors import UsageError
from storysound.generate.made_sound import FAR, check_asked, nearest_text, write_made
from storysound.generate.maker import SOUND, Conditions, maker_of
from storysound.ingest.footage import Footage
from storysound.jobs.generate.request import MOST_WORDS
from storysound.jobs.plan.agreement import Listener
from storysound.jobs.plan.choice import SURER, Draft, Searches, effect_hits, effects_laid, is_clear
from storysound.jobs.plan.lasting import Lasting
from storysound.jobs.plan.request import Fill, PlanOptions
from storysound.jobs.plan.scenes import Breakdown
from storysound.library.file_names import file_names
from storysound.match.query import Hit
from storysound.media.content import sha256_of
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.progress import Watch
from storysound.story import Sound, Source, Span

MAKERS: Mapping[Fill, str] = {"make": "sosgen", "hub": "stable-audio"}
SECONDS = 5.0  # of a made sound; ambience goes on without end from there
TAKES = 8  # tried for the same words
SCORE = 1 / (1 + math.exp(-SURER))  # of a sound that is heard as asked: that of a sure fit
HEARD = 1.0  # agreement with the words from which on a take is what was asked for, as `Listener.agreement`


class SoundsMade:
    """Sounds made for words, in files of a folder: the same words get the same sound, or none."""

    def __init__(self, fill: Fill, folder: Path, models: Models, listener: Callable[[], Listener], seed: int) -> None:
        """`fill` says by which model. Raises MissingModelError without it."""
        self.folder, self._listener, self._seed = folder, listener, seed
        self._maker, self.name, self._licence = maker_of(MAKERS[fill], SOUND, models)
        self._known: dict[str, Sound | None] = {}
        self.missed: list[str] = []  # words for which nothing could be made

    def sound(self, wordings: Sequence[str], watch: Watch) -> Sound | None:
        """A sound for the wording that the model knows best; None where it knows none, or isn't heard as that."""
        asked = self._asked(wordings)
        if asked and asked not in self._known:
            self._known[asked] = self._made(asked, watch)
        made = self._known.get(asked)
        if made is None and wordings[0] not in self.missed:
            self.missed.append(wordings[0])
        return made

    def let_go(self, cues: Collection[Cue]) -> None:
        """Removes the files of the sounds made here that none of the cues plays."""
        used = {cue.sound.path for cue in cues}
        for sound in self._known.values():
            if sound is not None and sound.path not in used:
                (self.folder / sound.path).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _asked(self, wordings: Sequence[str]) -> str:
        """What the model is asked for: of a text that it learned from, where it can tell, the nearest; "" for none."""
        able = [text for text in wordings if _is_able(text)]
        near = [(text, *nearest_text(self._maker, text)) for text in able]
        text, nearest, cosine = max(near, key=lambda each: each[2], default=("", "", 0.0))
        return (nearest or text) if cosine >= FAR else ""

    def _made(self, text: str, watch: Watch) -> Sound | None:
        for take in range(TAKES):
            watch.check()
            seed = zlib.crc32(f"{self._seed} {take} {text}".encode())
            conditions = Conditions(min(SECONDS, self._maker.longest_s), seed, text)
            wave = self._maker.make(conditions)
            if self._listener().agreement(text, None, 0, wave) < HEARD:
                continue
            (name,) = file_names([f"{text} {seed}".replace(" ", "-")]).values()
            self.folder.mkdir(parents=True, exist_ok=True)
            file = self.folder / f"{name}.flac"
            sound = write_made(wave, conditions, file, self.name, self._licence).cut()
            source = Source(file.absolute().as_uri(), sha256_of(file), self._licence, f"made by {self.name}")
            folder = str(self.folder.absolute())
            return Sound(
                file.name, folder, conditions.seconds, "sfx", title=text, tags=(text,), source=source,
                loudness_lufs=integrated_lufs(sound), true_peak_dbtp=true_peak_dbtp(sound),
            )  # fmt: skip
        return None


def _is_able(text: str) -> bool:
    try:
        check_asked(text)
    except UsageError:
        return False
    return len(text.split()) <= MOST_WORDS


def gaps(
    footage: Footage,
    breakdown: Breakdown,
    cues: Collection[Cue],
    audible: Sequence[bool],
    seen: Callable[[int], Sequence[str]],
) -> dict[int, tuple[str, ...]]:
    """Units under which nothing would be heard though it is clear what is there, and in which words that can be said.

    `audible` per unit: whether the clip's own sound is heard there; `seen`: words for what a unit's pictures show.
    """
    effects = [Span(cue.start_s, cue.end_s) for cue in cues if cue.layer != "music"]
    found: dict[int, tuple[str, ...]] = {}
    for number, unit in enumerate(footage.story.units):
        if audible[number] or any(span.overlap_s(unit) > 0 for span in effects):
            continue
        if is_clear(footage, breakdown, number, heard=False):
            text = footage.story.texts[number]
            if wordings := (*(sentences(text) if text.strip() else ()), *seen(number)):
                found[number] = wordings
    return found


def filled(
    wanted: Mapping[int, tuple[str, ...]],
    made: SoundsMade,
    footage: Footage,
    breakdown: Breakdown,
    finder: Searches,
    options: PlanOptions,
    watch: Watch,
    lasting: Lasting,
) -> list[Draft]:
    """Drafts of made sounds for `gaps`; the best that the library has is their runner-up.

    `lasting` knows which sounds go on.
    """
    found: list[tuple[Hit, ...]] = [()] * len(footage.story.units)
    for number, (unit, wordings) in enumerate(wanted.items()):
        watch.at(number, len(wanted), wordings[0][:60])
        sound = made.sound(wordings, watch)
        if sound is None or (footage.story.audio and not footage.story.frames and not lasting(sound)):
            continue
        why = (f"made by {made.name} from the words: {sound.title}", "the library has nothing near enough")
        others = effect_hits(footage, breakdown, unit, finder, options, lasting)
        found[unit] = (Hit(sound, 0.0, sound.duration_s, SCORE, why), *others)
    fits = [[SURER, *[-SURER] * (len(hits) - 1)] if hits else [] for hits in found]
    drafts = effects_laid(footage, breakdown, found, fits, [False] * len(found), lasting)
    return [_within(draft, footage) for draft in drafts]


def _within(draft: Draft, footage: Footage) -> Draft:
    """A made sound goes on as long as it was asked to: what is heard once ends with what it was made for."""
    if draft.layer != "spot" or draft.unit is None:
        return draft
    return replace(draft, end_s=min(draft.end_s, footage.story.units[draft.unit].end_s))


def check_fill(fill: Fill, options: PlanOptions, models: Models) -> None:
    """Raises UsageError where what is made may not be sold and must be; MissingModelError without the model."""
    _, name, licence = maker_of(MAKERS[fill], SOUND, models)
    if options.licence_policy == "commercial" and licence and not allows_commerce(licence):
        raise UsageError(f"sounds made by {name} may not be sold ({licence})", field="fill")


def made_beside(sheet: Path) -> Path:
    """The folder of the sounds that are made for a sheet."""
    return sheet.with_name(f"{sheet.stem}.made")


def fill_notes(cues: Collection[Cue], made: SoundsMade) -> tuple[str, ...]:
    """What was made, and for what nothing could be."""
    own = [cue for cue in cues if cue.sound.root == str(made.folder.absolute())]
    notes = [f"made by {made.name}, as the library has nothing near enough: " + ", ".join(
        f"{cue.sound.title} ({cue.id})" for cue in own)] if own else []  # fmt: skip
    if made.missed:
        some = ", ".join(repr(words[:60]) for words in made.missed[:5])
        more = f" and {len(made.missed) - 5} more" if len(made.missed) > 5 else ""
        notes.append(f"{made.name} could make nothing that is heard as {some}{more}")
    return tuple(notes)
