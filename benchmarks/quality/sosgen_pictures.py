"""What the small SoSgen makes of pictures, judged by ears: `python -m benchmarks.quality.sosgen_pictures [--part …]`.

Photographs (OASIS; the theme is in the name) and frames of videos, none of which was learned from, of seven things
that have a sound. `choose` is one half of them, on which guidance is chosen, `report` the other. For each seed one
picture of each class has its turn, and a sound is made of each from the same noise.

- right: how often the sound of a picture is heard as its class (`benchmarks.quality.sosgen`) more than that of a
  picture of another class with the same text and seed; ties count half. Interval: 2.5 to 97.5 % of 2,000 draws of
  pictures.
- image: the text is "Audio". text + image: the text is of something that no picture shows, the same for right and wrong
  pictures, so that only the pictures tell them apart. own text: that of the class, with its picture and with one other.
- in time: a picture in the first half of the sound, one of another class in the second, the text "Audio"; how often
  each half is heard as what it shows more than the other half is.
- R@1: the name of the class finds its own among the sounds of a seed; those that tie share it.
- words: how often a sound with a text is heard as it more than one of the same picture with another text.
"""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.quality.quality import data_folder
from benchmarks.quality.sosgen import Judge, clips, made, through
from storysound.config import load_profile
from storysound.encode.labels import text_vectors
from storysound.encode.pool import Models
from storysound.generate import sosgen
from storysound.generate.maker import WEIGHTS
from storysound.generate.sosgen import Sosgen
from storysound.generate.variants import FIXED_TEXT
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import read_image
from storysound.media.video import iter_frames
from storysound.nn.frame_track import spread
from storysound.nn.picture_branch import PictureBranch
from storysound.weights.resolver import Resolver

CLASSES = {
    "dog": ("Dog",), "cat": ("Cat", "Scared cat"), "crackling fire": ("Fire",), "sea waves": ("Beach",),
    "crying baby": ("Baby",), "chirping birds": ("Pigeon", "Crow", "Bird"),
    "thunderstorm": ("Thunderstorm", "Lightning"),
}  # fmt: skip
VIDEOS = {
    "choose": {"dog": ("vas_dog_02677", "vlm_dog_barking")},
    "report": {"dog": ("vas_dog_02754", "moviepy_dog"), "chirping birds": ("vgg_02_canary_calling",)},
}
ESC50 = ("dog", "cat", "crackling_fire", "sea_waves", "crying_baby", "chirping_birds", "thunderstorm")
THIRD = ("rain", "helicopter", "clock tick", "church bells", "siren", "chainsaw", "glass breaking", "car horn")
FRAMES_OF_VIDEO, SECONDS, SIDE_PX = 4, 5.0, 512
FIRST_SEED = {"report": 0, "choose": 1000}


@dataclass(frozen=True)
class Item:
    """A picture, or some frames in time, of a class."""

    name: str
    pictures: tuple[Pixels, ...]


def items(part: str) -> dict[str, list[Item]]:
    """Photographs and videos of a half, by class: every other photograph of a theme, in the order of their names."""
    found: dict[str, list[Item]] = {name: [] for name in CLASSES}
    files = sorted((data_folder() / "oasis" / "images").glob("*.jpg"))
    for name, themes in CLASSES.items():
        for theme in themes:
            own = [file for file in files if re.fullmatch(rf"{theme}[ _]*\d+", file.stem.replace("_", " "))]
            for file in own[part == "report" :: 2]:
                found[name].append(Item(file.stem, (read_image(file, max_side=SIDE_PX),)))
    for name, clips_of in VIDEOS[part].items():
        for clip in clips_of:
            film = data_folder() / "videos" / "clips" / f"{clip}.mp4"
            frames = [frame.rgb for frame in iter_frames(film, every_s=SECONDS / FRAMES_OF_VIDEO, max_side=SIDE_PX)]
            found[name].append(Item(clip, tuple(frames[:FRAMES_OF_VIDEO])))
    return found


class Takes:
    """Sounds of pictures: [classes] a seed, of the item that is due."""

    def __init__(self, model: Sosgen, of: dict[str, list[Item]], models: Models, seeds: Sequence[int]) -> None:
        self._model, self._words, self.seeds = model, models.encoder("minilm"), seeds
        sight = sosgen.sight_of(models)
        count = sosgen.COLUMNS // model.parts.joined
        self.names = list(of)
        self.shown: dict[str, Tensor] = {}  # [n d] of each item
        for item in (item for group in of.values() for item in group):
            vectors = torch.from_numpy(sight.vectors(item.pictures))
            times = [SECONDS * number / len(vectors) for number in range(len(vectors))]
            self.shown[item.name] = spread(vectors, times, count, model.token_s)
        self.due = [[group[number % len(group)].name for group in of.values()] for number in range(len(seeds))]

    def made(
        self, rows: Sequence[Sequence[str]], texts: Sequence[Sequence[str]], then: Sequence[Sequence[str]] | None = None
    ) -> list[Waveform]:
        """For each seed the sounds of items, each with its text; all of a seed from the same noise.

        `then`: what is shown in place of the items in the second half.
        """
        sounds = []
        for seed, names, later, said in zip(self.seeds, rows, then or rows, texts, strict=True):
            words = torch.from_numpy(text_vectors(self._words, said))
            shown = torch.stack([self.shown[name] for name in names])
            half = shown.shape[1] // 2
            shown[:, half:] = torch.stack([self.shown[name] for name in later])[:, half:]
            mels = self._model.spectrograms(words, [seed] * len(names), SECONDS, shown)
            sounds += [Waveform(sosgen.FORM.sounding(mel, seed)[None], sosgen.RATE_HZ) for mel in mels]
        return sounds


def wins(fits: Floats) -> Floats:
    """Of fits [s c c] of sounds to names: how often the right sound beats one of another class [s c]; a tie is half."""
    own = np.einsum("scc->sc", fits)[:, None]
    beaten = (own > fits) + 0.5 * (own == fits)  # [s, other, c]
    count = fits.shape[1]
    return np.asarray((beaten.sum(1) - 0.5) / (count - 1), np.float32)


def firsts(fits: Floats) -> float:
    """Of fits [s c c]: how often a name finds its own sound first; those that tie share it."""
    best = fits == fits.max(1, keepdims=True)
    return float((np.einsum("scc->sc", best) / best.sum(1)).mean())


def interval(won: Sequence[float], owners: Sequence[str]) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean, drawing owners (pictures) with all that is theirs."""
    dice = np.random.default_rng(0)
    names = sorted(set(owners))
    of = [np.array([w for w, owner in zip(won, owners, strict=True) if owner == name]) for name in names]
    sums, counts = np.array([one.sum() for one in of]), np.array([len(one) for one in of])
    drawn = dice.integers(0, len(names), (2000, len(names)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return float(low), float(high)


class Report:
    """Rows of figures."""

    def __init__(self) -> None:
        self.table = Table("what", "n", "right", "interval", "R@1", "words")

    def row(self, what: str, won: Floats, owners: Sequence[str], r1: float | None, words: float | None) -> None:
        """`won` [n] with the picture of each."""
        low, high = interval(won.tolist(), owners)
        found = {
            "what": what,
            "n": len(won),
            "right": float(won.mean()),
            "low": low,
            "high": high,
            "r1": r1,
            "words": words,
        }
        print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in found.items()}), flush=True)
        shown = ["" if value is None else f"{value:.2f}" for value in (r1, words)]
        self.table.add_row(what, str(len(won)), f"{won.mean():.3f}", f"{low:.2f} to {high:.2f}", *shown)


def by_class(won: Floats, names: Sequence[str]) -> str:
    """Means of [s c] in words."""
    return ", ".join(f"{name} {share:.2f}" for name, share in zip(names, won.mean(0), strict=True))


def image(report: Report, what: str, takes: Takes, judge: Judge, rows: Sequence[Sequence[str]] | None = None) -> None:
    """The variant of pictures alone; `rows`: which items are shown in place of those that are due."""
    shown = rows or takes.due
    sounds = takes.made(shown, [[FIXED_TEXT] * len(takes.names)] * len(takes.seeds))
    fits = judge.fits(judge.answers(sounds)[1], takes.names).reshape(len(takes.seeds), len(takes.names), -1)
    won = wins(fits)
    report.row(what, won.ravel(), [name for row in takes.due for name in row], firsts(fits), None)
    print("  " + by_class(won, takes.names))


def third(report: Report, what: str, takes: Takes, judge: Judge) -> None:
    """Words of what no picture shows, the same for all sounds of a seed."""
    texts = [THIRD[number % len(THIRD)] for number in range(len(takes.seeds))]
    sounds = takes.made(takes.due, [[text] * len(takes.names) for text in texts])
    scores = judge.answers(sounds)[1]
    fits = judge.fits(scores, takes.names).reshape(len(texts), len(takes.names), -1)
    won = wins(fits)
    said = judge.fits(scores, THIRD).reshape(len(texts), len(takes.names), -1)
    own = np.array([said[number, :, THIRD.index(text)] for number, text in enumerate(texts)])  # [s c]
    other = [said[[t != text for t in texts]][:, :, THIRD.index(text)] for text in texts]  # each [others c]
    words = float(np.mean([(mine > rest).mean() for mine, rest in zip(own, other, strict=True)]))
    report.row(what, won.ravel(), [name for row in takes.due for name in row], firsts(fits), words)
    print("  " + by_class(won, takes.names))


def turned(takes: Takes) -> list[list[int]]:
    """For each seed and class another class, which takes turns."""
    count = len(takes.names)
    return [[(c + 1 + number % (count - 1)) % count for c in range(count)] for number in range(len(takes.seeds))]


def in_time(report: Report, what: str, takes: Takes, judge: Judge) -> None:
    """One picture, then another of the class in turn."""
    others = turned(takes)
    then = [[row[c] for c in order] for row, order in zip(takes.due, others, strict=True)]
    sounds = takes.made(takes.due, [[FIXED_TEXT] * len(takes.names)] * len(takes.seeds), then)
    middle, end = SECONDS / 2, SECONDS - 0.02
    halves = [sound.cut(*span) for sound in sounds for span in ((0.0, middle), (middle, end))]
    fits = judge.fits(judge.answers(halves)[1], takes.names).reshape(len(takes.seeds), len(takes.names), 2, -1)
    won = np.zeros(fits.shape[:2], np.float32)
    for number, order in enumerate(others):
        for c, other in enumerate(order):
            first, second = fits[number, c]
            won[number, c] = np.mean([first[c] > second[c], second[other] > first[other]])
    report.row(what, won.ravel(), [name for row in takes.due for name in row], None, None)
    print("  " + by_class(won, takes.names))


def own_text(report: Report, what: str, takes: Takes, judge: Judge) -> None:
    """The text of the class, with a picture of it and with one of another class in turn."""
    count = len(takes.names)
    wrong = [[row[c] for c in order] for row, order in zip(takes.due, turned(takes), strict=True)]
    texts = [takes.names] * len(takes.seeds)
    sounds = takes.made(takes.due, texts) + takes.made(wrong, texts)
    fits = judge.fits(judge.answers(sounds)[1], takes.names).reshape(2, len(takes.seeds), count, count)
    right, other = np.einsum("kscc->ksc", fits)
    won = ((right > other) + 0.5 * (right == other)).astype(np.float32)
    report.row(what, won.ravel(), [name for row in takes.due for name in row], firsts(fits[0]), None)
    print("  " + by_class(won, takes.names))


def real(report: Report, judge: Judge, names: Sequence[str], seeds: int) -> None:
    """ESC-50's clips of the classes, one of each for each seed: as they are, and through a spectrogram and back."""
    of = clips(ESC50)
    files = [item for group in of.values() for item in group]
    owner = np.array([number for number, group in enumerate(of.values()) for _ in group])
    waves = [read_audio(path, rate_hz=sosgen.RATE_HZ, channels=1) for _, path in files]
    dice = np.random.default_rng(0)
    drawn = np.array([[dice.choice(np.flatnonzero(owner == c)) for c in range(len(names))] for _ in range(seeds)])
    for what, sounds in (("real", waves), ("vocoded", [through(wave.samples[0], None) for wave in waves])):
        fits = judge.fits(judge.answers(sounds)[1], names)[drawn]
        owners = [files[number][0] for number in drawn.ravel()]
        report.row(f"{what}, {len(waves)} clips", wins(fits).ravel(), owners, firsts(fits), None)


def words_alone(report: Report, takes: Takes, judge: Judge, model: Sosgen, models: Models) -> None:
    """The names of the classes, without pictures."""
    sounds = [wave for round_of in made(model, takes.names, takes.seeds, models) for wave in round_of]
    fits = judge.fits(judge.answers(sounds)[1], takes.names).reshape(len(takes.seeds), len(takes.names), -1)
    report.row("text", wins(fits).ravel(), [str(seed) for seed in takes.seeds for _ in takes.names], firsts(fits), None)


def beside(report: Report, takes: Takes, judge: Judge, model: Sosgen) -> None:
    """What knows nothing: pictures of any class, vectors of nothing, a branch that has not learned."""
    dice = np.random.default_rng(0)
    every = list(takes.shown)
    image(report, "image, shuffled pictures", takes, judge, [list(dice.choice(every, len(row))) for row in takes.due])
    kept = dict(takes.shown)
    for name, vectors in kept.items():
        noise = torch.from_numpy(dice.standard_normal(vectors.shape[1]).astype(np.float32))
        takes.shown[name] = (noise / noise.norm()).expand_as(vectors)
    image(report, "image, noise in place of pictures", takes, judge)
    takes.shown = kept
    parts = model.parts
    if parts.branch is not None:
        model.parts = replace(parts, branch=PictureBranch(parts.branch.config).eval())
        image(report, "image, untrained branch", takes, judge)
        model.parts = parts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(FIRST_SEED), default="report")
    parser.add_argument("--model", type=Path, help="a folder with both files of a SoSgen; the shipped one")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--pictures", type=float, nargs="*", default=[sosgen.PICTURE_GUIDANCE])
    parser.add_argument("--words", type=float, nargs="*", default=[sosgen.WORD_GUIDANCE])
    parser.add_argument("--real", action="store_true", help="beside: real clips, shuffled pictures, no branch, noise")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = Models(load_profile(), Resolver(offline=True))
    judge, report = Judge(models), Report()
    model = sosgen.load(options.model or WEIGHTS, torch.device("cpu"), models)
    of = items(options.part)
    print({name: len(group) for name, group in of.items()})
    first = FIRST_SEED[options.part]
    takes = Takes(model, of, models, range(first, first + options.seeds))
    for pictures in options.pictures:
        for words in options.words:
            model.picture_guidance, model.word_guidance = pictures, words
            weighed = f"pictures {pictures:g}, words {words:g}"
            image(report, f"image ({weighed})", takes, judge)
            third(report, f"text + image ({weighed})", takes, judge)
            own_text(report, f"own text ({weighed})", takes, judge)
            in_time(report, f"in time ({weighed})", takes, judge)
    if options.real:
        model.picture_guidance, model.word_guidance = options.pictures[0], options.words[0]
        real(report, judge, takes.names, options.seeds)
        words_alone(report, takes, judge, model, models)
        beside(report, takes, judge, model)
    Console(width=140).print(report.table)


if __name__ == "__main__":
    main()
