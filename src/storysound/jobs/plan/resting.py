"""Where music rests, since the film's own sound carries the scene: music of its own, speech, or loud action."""

from collections.abc import Sequence

import numpy as np

from storysound.annotate.own_sound import OwnSound
from storysound.cue.score import Scene
from storysound.jobs.plan.request import PlanOptions
from storysound.media.levels import bridged
from storysound.media.loudness import recording_lufs
from storysound.media.recording import Recording
from storysound.story import Event, Span

OWN_MUSIC = 0.5  # share of a scene with music of its own: what is left is no place to begin another
FULL = 0.7  # share of speech that needs no music
SHORTEST_S = 10.0  # of a scene that speech or action carries
LOUDER_LU, UNSPOKEN = 6.0, 0.1  # action: louder than usual by so much, with no more speech
FEWEST = 3  # scenes, to know what is usual
HAPPENS = 0.5  # share of a scene in which something is heard that has a name
NAMED = 2  # things in a reason
_MUSIC, _SPEECH = "music", "speech"


def resting(scenes: Sequence[Scene], own: OwnSound, options: PlanOptions) -> list[str]:
    """Why music rests in each scene, in words; "" where it plays.

    By itself only where the film's own music fills half of a scene; with `silence` also in scenes full of speech, and
    where its own sound is much louder than usual, nobody speaks and something is heard that has a name; never without.
    """
    if options.silence is False:
        return [""] * len(scenes)
    found = [_own_music(scene, own.music) for scene in scenes]
    if options.silence:
        found = [why or _speech(scene, own.speech) for why, scene in zip(found, scenes, strict=True)]
        louder = _louder_lu(scenes, own.sound)
        ways = zip(found, scenes, louder, strict=True)
        found = [why or _action(scene, own, by_lu) for why, scene, by_lu in ways]
    return found


def _share(scene: Scene, spans: Sequence[Span]) -> float:
    """How much of a scene they cover."""
    whole = Span(scene.start_s, scene.end_s)
    return sum(span.overlap_s(whole) for span in bridged(spans, 1e-3)) / max(whole.duration_s, 1e-9)


def _own_music(scene: Scene, music: Sequence[Span]) -> str:
    share = _share(scene, music)
    return f"the film's own music fills {share:.0%} of it" if share >= OWN_MUSIC else ""


def _speech(scene: Scene, speech: Sequence[Span]) -> str:
    share = _share(scene, speech)
    is_full = scene.end_s - scene.start_s >= SHORTEST_S and share >= FULL
    return f"somebody speaks in {share:.0%} of it" if is_full else ""


def _louder_lu(scenes: Sequence[Scene], sound: Recording | None) -> list[float]:
    """By how much each scene's own sound is louder than half of the film; 0 where there is nothing to compare."""
    if sound is None or len(scenes) < FEWEST:
        return [0.0] * len(scenes)
    levels = [recording_lufs(sound, [Span(scene.start_s, min(scene.end_s, sound.duration_s))]) for scene in scenes]
    order = np.argsort(levels, kind="stable")
    lengths = np.cumsum([scenes[k].end_s - scenes[k].start_s for k in order])
    usual = levels[order[int(np.searchsorted(lengths, lengths[-1] / 2))]]
    return [level - usual if np.isfinite(level) and np.isfinite(usual) else 0.0 for level in levels]


def _action(scene: Scene, own: OwnSound, louder_lu: float) -> str:
    whole = Span(scene.start_s, scene.end_s)
    if whole.duration_s < SHORTEST_S or louder_lu < LOUDER_LU or _share(scene, own.speech) > UNSPOKEN:
        return ""
    heard = [event for event in own.events if event.span.overlap_s(whole) > 0 and _is_action(event)]
    if _share(scene, sorted((event.span for event in heard), key=lambda span: span.start_s)) < HAPPENS:
        return ""
    held: dict[str, float] = {}
    for event in heard:
        held[event.label] = held.get(event.label, 0.0) + event.span.overlap_s(whole)
    names = sorted(held, key=lambda label: (-held[label], label))[:NAMED]
    return f"its own sound carries it, {louder_lu:.0f} LU louder than usual: {', '.join(names)}"


def _is_action(event: Event) -> bool:
    return not any(word in event.label.lower() for word in (_MUSIC, _SPEECH))
