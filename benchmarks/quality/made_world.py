"""The made world: whether its sound follows its motion, what its sounds say of materials, and how long a clip takes.

Run: python -m benchmarks.quality.made_world [FOLDER]

"Heard": impacts of CLIPS clips of the test split beside an onset of the sound within 10 ms. Onsets are found without
knowing the scene: peaks of the spectral flux, of windows of 10 ms that are 2 ms apart. "Nearest": the mean distance of
those. "Strange": onsets farther than that from any impact.

"Told by sound": how often a ridge regression on log spectra at four times after the first impact names the material
and the surface; SCENES scenes of a kind, of all splits, 7 of 10 to learn from.

With FOLDER, frames in strips with their spectrograms below, two clips of each kind, go there as <kind>.png: every
second frame, red marks where impacts are; 0 to 8 kHz, 60 dB.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import scipy.signal
from PIL import Image, ImageDraw

from storysound.media.arrays import Doubles, Floats, Pixels
from storysound.research.tavg.world.clips import RATE_HZ, SECONDS, clip_of, made_clip, sound_of
from storysound.research.tavg.world.combinations import COMBINATIONS, KINDS, Kind, Split, of_split
from storysound.research.tavg.world.scenes import Scene, scene_of
from storysound.research.tavg.world.sentences import WORDS

CLIPS, SCENES, SEED = 600, 500, 0
NEAR_S = 0.01
SCALE, HEIGHT = 2, 128  # of strips: pixels a pixel, and of the spectrogram


def onsets_s(sound: Floats) -> Doubles:
    """Moments where a sound [n] begins anew."""
    _, times, spectrum = scipy.signal.stft(sound, RATE_HZ, nperseg=160, noverlap=128, boundary=None)
    level = np.log10(np.abs(spectrum) ** 2 + 1e-7)
    flux = np.maximum(0, level[:, 3:] - level[:, :-3]).mean(axis=0)
    peaks, _ = scipy.signal.find_peaks(flux, height=max(0.3, 0.25 * flux.max()), distance=50)
    return np.asarray(times[3:][peaks])


def heard() -> None:
    """A line for each kind that has impacts."""
    clips = [made_clip("test", seed) for seed in range(CLIPS)]
    print("kind     impacts  heard  nearest ms  strange")
    for kind in KINDS:
        own = [clip for clip in clips if clip.scene.kind == kind and clip.impacts_s]
        if not own:
            continue
        apart = [np.abs(onsets_s(clip.sound)[:, None] - np.array(clip.impacts_s)) for clip in own]
        nearest = np.concatenate([each.min(axis=0, initial=9.0) for each in apart])
        strange = sum(int((each.min(axis=1) > NEAR_S).sum()) for each in apart)
        near = nearest <= NEAR_S
        print(f"{kind:8} {len(nearest):7} {near.mean():6.3f} {1000 * nearest[near].mean():11.1f} {strange:8}")


def features(scene: Scene) -> Doubles:
    """Log powers in bands at four times after the first impact, or after .5 s [d]."""
    _, _, spectrum = scipy.signal.stft(sound_of(scene), RATE_HZ, nperseg=512, noverlap=256)
    edges = np.unique(np.geomspace(1, 256, 28).astype(int))
    power = np.add.reduceat(np.abs(spectrum[: edges[-1]]) ** 2, np.r_[0, edges[:-1]], axis=0)
    level = np.log10(power + 1e-8)
    first = min(int((scene.impacts_s[0] if scene.impacts_s else 0.5) * RATE_HZ / 256), level.shape[1] - 12)
    return np.concatenate([level[:, first + after] for after in (0, 1, 4, 10)])


def told(kind: Kind) -> str:
    """How often material and surface are named right, of how many."""
    options = [each for each in COMBINATIONS if each.kind == kind]
    rng = np.random.default_rng(SEED)
    scenes = [scene_of(options[rng.integers(len(options))], rng) for _ in range(SCENES)]
    rows = np.stack([features(scene) for scene in scenes])
    rows = np.c_[(rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6), np.ones(SCENES)]
    learn = SCENES * 7 // 10
    found = []
    for name in ("material", "surface"):
        values = sorted({getattr(each, name) for each in options})
        if len(values) > 1:
            of = np.array([values.index(getattr(scene, name)) for scene in scenes])
            aims = np.eye(len(values))[of]
            ridge = rows[:learn].T @ rows[:learn] + 10 * np.eye(rows.shape[1])
            weights = np.linalg.solve(ridge, rows[:learn].T @ aims[:learn])
            right = ((rows[learn:] @ weights).argmax(axis=1) == of[learn:]).mean()
            found.append(f"{name} {right:.2f} of {len(values)}")
    return f"{kind:8} {', '.join(found)}"


def strip(frames: Pixels, sound: Floats, text: str, seen_s: Sequence[float], heard_s: Sequence[float]) -> Image.Image:
    """Every second frame of a clip, its sound below, its text above; contacts seen in red, those heard in blue."""
    side = frames.shape[1] * SCALE
    width, top = side * len(frames[::2]), 14
    sheet = Image.new("RGB", (width, top + side + HEIGHT))
    for place, frame in enumerate(frames[::2]):
        sheet.paste(Image.fromarray(frame).resize((side, side), Image.Resampling.NEAREST), (place * side, top))
    _, _, spectrum = scipy.signal.stft(sound, RATE_HZ, nperseg=512, noverlap=512 - 125)
    level = np.clip((20 * np.log10(np.abs(spectrum[::-1]) + 1e-5) + 90) / 60, 0, 1)
    sheet.paste(Image.fromarray((255 * level).astype(np.uint8)).resize((width, HEIGHT)), (0, top + side))
    pen = ImageDraw.Draw(sheet)
    pen.text((2, 1), text, fill="white")
    for times, colour, down in ((seen_s, "red", 0), (heard_s, "cyan", 16)):
        for at_s in times:
            x, y = at_s / SECONDS * width, top + side + down
            pen.line([(x, y), (x, y + 16)], fill=colour)
    return sheet


def sheets(folder: Path) -> None:
    """Two strips of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        rng = np.random.default_rng(SEED)
        options = [each for each in COMBINATIONS if each.kind == kind]
        made = [clip_of(scene_of(options[rng.integers(len(options))], rng)) for _ in range(2)]
        one, two = (strip(each.frames, each.sound, each.text, each.impacts_s, ()) for each in made)
        sheet = Image.new("RGB", (one.width, 2 * one.height + 4))
        sheet.paste(one, (0, 0))
        sheet.paste(two, (0, one.height + 4))
        sheet.save(folder / f"{kind}.png")


def main() -> None:
    """All of it."""
    splits = {split: sum(len(of_split(split, kind)) for kind in KINDS) for split in get_args(Split)}
    print(f"{len(COMBINATIONS)} combinations: {splits}; {len(WORDS)} words")
    heard()
    print("told by sound")
    for kind in KINDS:
        print(told(kind))
    start = time.process_time()
    for seed in range(CLIPS):
        made_clip("train", seed)
    print(f"{1000 * (time.process_time() - start) / CLIPS:.1f} ms of one core a clip, {CLIPS} clips")
    if len(sys.argv) > 1:
        sheets(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
