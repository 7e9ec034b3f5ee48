"""Pictures that change to the beat: how many do, how long all is, and what of importance is kept.

Run: python -m benchmarks.quality.to_beat [--summaries N] [--stories N] [--seed S] [--json FILE]

Summaries: montages of held-out clips (`videos/`), each piece 4 to 9 s of the film, cut to a fifth of their length under
music of known beats, with and without `to_beat`. Slideshows: eight to sixteen photographs (OASIS) of 3 to 7 s each,
planned over a library of such music, and with composed music. The music: pieces of `made_music`, and clicks with a
chord to each bar. Beats are those that were written, not those that a tracker finds; a change is what is seen to
change, cuts of the camera inside a stretch among them. Chance: of changes at random times.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import made_music
from benchmarks.quality.quality import data_folder
from storysound.config import load_profile
from storysound.cue.exits import story_beats_s
from storysound.encode.pool import Models
from storysound.jobs.index.index import run as index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.plan.plan import pulse_of, times_of
from storysound.jobs.plan.plan import run as plan
from storysound.jobs.plan.request import PlanRequest
from storysound.jobs.summarize.music import given_music
from storysound.jobs.summarize.request import SummarizeRequest
from storysound.jobs.summarize.summarize import run as summarize
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ, Doubles
from storysound.media.audio import Waveform, resample, write_wav
from storysound.media.film.slideshow import render_slideshow
from storysound.media.recording import laid, record_audio
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

NEAR_S = (0.02, 0.04)
SHARE = 0.2
SIZE, FPS = (320, 240), 25
FIRST_PIECE = 7000  # seeds of `made_music` that nothing was chosen on


def clicks(seed: int) -> tuple[Waveform, Doubles]:
    """40 s of clicks at 80 to 150 beats a minute, each fourth with a tone, and their times."""
    rng = np.random.default_rng(seed)
    beats = 0.3 + np.arange(0, 39, 60 / float(rng.uniform(80, 150)))
    samples = np.zeros(40 * RATE_HZ, np.float32)
    time_s = np.arange(round(0.25 * RATE_HZ)) / RATE_HZ
    for number, beat in enumerate(beats):
        hz = 1500.0 if number % 4 else 1000.0
        tone = 0.3 * np.exp(-time_s / 0.02) * np.sin(2 * np.pi * hz * time_s)
        if number % 4 == 0:
            low_hz = 110.0 * 2 ** (number // 4 % 5 / 5)
            tone += 0.3 * np.exp(-time_s / 0.1) * np.sin(2 * np.pi * low_hz * time_s)
        at = round(float(beat) * RATE_HZ)
        samples[at : at + len(tone)] += tone[: len(samples) - at].astype(np.float32)
    return Waveform(samples[None], RATE_HZ), beats


def tracks(count: int, folder: Path) -> dict[str, Doubles]:
    """So many tracks as files in a folder, every fourth clicks: their beats by file name."""
    found = {}
    for number in range(count):
        if number % 4 == 3:
            wave, beats = clicks(number)
        else:
            piece = made_music.piece(FIRST_PIECE + number)
            wave, beats = resample(made_music.heard(piece), RATE_HZ), piece.beats_s
        name = f"track-{number:02d}.wav"
        write_wav(folder / name, Waveform(np.repeat(wave.samples, 2, axis=0), RATE_HZ))
        found[name] = beats
    return found


def montage(clips: Sequence[Path], seed: int, out: Path) -> Doubles:
    """A film of stretches of clips with their sound, and when it cuts."""
    rng = np.random.default_rng(seed)
    chosen = [clips[i] for i in rng.choice(len(clips), 18)]
    lengths = rng.uniform(4, 9, len(chosen)).round(2).tolist()
    starts = np.concatenate([[0.0], np.cumsum(lengths)])
    parts = []
    for clip, start, length in zip(chosen, starts, lengths, strict=False):
        try:
            sound = record_audio(clip, rate_hz=RATE_HZ, channels=2)
        except Exception:  # a clip without sound
            continue
        parts.append((round(float(start) * RATE_HZ), sound.part(0, min(sound.length, round(length * RATE_HZ))), 1.0))
    sound = laid(parts, round(float(starts[-1]) * RATE_HZ))
    films = frozenset(range(len(chosen)))
    render_slideshow(chosen, lengths, sound, out, size=SIZE, fps=FPS, transition_s=0, films=films)
    return np.round(starts[1:-1] * FPS) / FPS


def near(changes: Sequence[float], beats: Doubles) -> dict[str, float]:
    """How many changes there are, and how many so near to a beat."""
    off = np.array([np.abs(beats - change).min() for change in changes]) if len(beats) else np.full(len(changes), 9.0)
    return {"changes": len(changes)} | {f"{1000 * s:.0f}ms": int((off <= s + 1e-6).sum()) for s in NEAR_S}


def of_summaries(count: int, seed: int, models: Models, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each montage and way."""
    clips = sorted((data_folder() / "videos" / "clips").iterdir())
    (folder / "tracks").mkdir()
    known = tracks(count, folder / "tracks")
    for number, (name, beats) in enumerate(known.items()):
        video, track = folder / "montage.mp4", folder / "tracks" / name
        cuts = montage(clips, seed + number, video)
        for to_beat in (True, False):
            asked = SummarizeRequest(video, folder / "out.mp4", share=SHARE, music=track, to_beat=to_beat)
            made = summarize(asked, models, Watch())
            wished_s = np.floor(SHARE * made.duration_s * 100) / 100
            music = given_music(track, made.length_s if not to_beat else wished_s, rhythm.bars)
            heard = story_beats_s(music.cue.pieces, beats)
            changes = [b.at_s for a, b in pairwise(made.kept) if b.start_s - a.end_s > 1e-3 or _cut(cuts, b.start_s)]
            changes += [
                shot.at_s + cut - shot.start_s
                for shot in made.kept
                for cut in cuts
                if shot.start_s + 0.001 < cut < shot.end_s - 0.001
            ]
            held = sum(shot.importance * (shot.end_s - shot.start_s) for shot in made.kept)
            row = {"what": "summary", "to_beat": to_beat, "clicks": number % 4 == 3, "held": held}
            yield row | {"length_off_s": made.length_s - wished_s, "length_s": made.length_s} | near(changes, heard)


def _cut(cuts: Doubles, at_s: float) -> bool:
    return bool(np.abs(cuts - at_s).min() < 1.5 / FPS)


def of_stories(count: int, seed: int, models: Models, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each slideshow and way."""
    pictures = sorted((data_folder() / "oasis").rglob("*.jpg"))
    (folder / "music").mkdir()
    known = tracks(12, folder / "music")
    library = folder / "library"
    index(IndexRequest((folder / "music",), library), models, Watch())
    for number in range(count):
        rng = np.random.default_rng(seed + number)
        show = folder / f"show-{number}"
        show.mkdir()
        for at, picture in enumerate(rng.choice(len(pictures), int(rng.integers(8, 17)), replace=False)):
            shutil.copy(pictures[picture], show / f"{at:02d}.jpg")
        seconds = round(float(rng.uniform(3, 7)), 1)
        for compose in ("never", "always"):
            for to_beat in (True, False):
                sheet = folder / "cues.json"
                made = plan(
                    PlanRequest(
                        story=show, library=library, sheet=sheet, effects=False, seconds=seconds, compose=compose,  # type: ignore[arg-type]
                        to_beat=to_beat,
                    ),
                    models,
                    Watch(),
                )  # fmt: skip
                score = made.score
                assert score.slideshow is not None
                heard = [np.empty(0)]
                for cue in score.cues:
                    if cue.composed:
                        heard.append(pulse_of(cue.composed, times_of(score))[0])
                    else:
                        heard.append(story_beats_s(cue.pieces, known[cue.sound.path]))
                stills = score.slideshow.stills
                lengths = np.array([still.end_s - still.start_s for still in stills])
                changes = [round(still.start_s * FPS) / FPS for still in stills[1:]]
                off = {
                    "length_off_s": score.duration_s - seconds * len(stills),
                    "picture_off_s": float(np.abs(lengths - seconds).mean()),
                    "picture_off_most_s": float(np.abs(lengths - seconds).max()),
                }
                row = {"what": "slideshow", "to_beat": to_beat, "composed": compose == "always"}
                yield row | off | near(changes, np.unique(np.concatenate(heard)))


def main() -> None:
    """Prints a JSON object a row, and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--summaries", type=int, default=12)
    parser.add_argument("--stories", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    models = Models(load_profile("embedded"), Resolver(offline=True))
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for each in (of_summaries(asked.summaries, asked.seed, models, Path(name)),
                     of_stories(asked.stories, asked.seed, models, Path(name))):  # fmt: skip
            for row in each:
                print(json.dumps(row, default=float), flush=True)
                rows.append(row)
    for what in sorted({(r["what"], r["to_beat"], bool(r.get("composed"))) for r in rows}):
        own = [r for r in rows if (r["what"], r["to_beat"], bool(r.get("composed"))) == what]
        print(json.dumps({"way": what, "n": len(own)} | {name: _share(own, name) for name in ("20ms", "40ms")}
                         | {name: round(float(np.mean([r[name] for r in own])), 3) for name in own[0]
                            if name in ("held", "length_off_s", "picture_off_s", "picture_off_most_s")}))  # fmt: skip


def _share(rows: Sequence[dict[str, Any]], name: str) -> list[float]:
    """Of changes, all rows together, with a 95 % interval by drawing films."""
    rng = np.random.default_rng(0)
    counts = np.array([[row[name], row["changes"]] for row in rows], float)
    drawn = counts[rng.integers(0, len(counts), (1000, len(counts)))].sum(axis=1)
    shares = drawn[:, 0] / np.maximum(drawn[:, 1], 1)
    whole = counts.sum(axis=0)
    return [round(float(v), 3) for v in (whole[0] / max(whole[1], 1), *np.quantile(shares, [0.025, 0.975]))]


if __name__ == "__main__":
    main()
