"""What the small SoSgen makes, judged by ears: `python -m benchmarks.quality.sosgen [--part choose|report]`.

Ten classes, a sound of each for every seed (20: n = 200). `report` is the ten of ESC-10, beside ESC-50's clips of them
as they are ("real") and through the spectrogram and back ("vocoded"; "coded" with the autoencoder and grain in between,
as what is made, and without grain); `choose` is ten others and other seeds, on which guidance, grain, steps and
checkpoints are chosen.

- R@k: the prompt finds its own among the ten sounds of a seed, by AudioSet's classes as the ears hear them and the
  words for them (`shipped_weights/ears/measure.py`). Of real clips, one of each class is drawn for every seed.
- right: how often a sound fits its prompt better than another of the ten; each prompt's fits are standardised.
- Fréchet: of ears' vectors of all 0.98-s patches, made against one half of the real clips, as many, over that of the
  other half (halves by recording, mean of 10 draws).
"""

import argparse
import csv
import json
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.quality.quality import data_folder
from storysound.config import load_profile
from storysound.encode import ears
from storysound.encode.labels import text_vectors
from storysound.encode.pool import Models
from storysound.generate import sosgen
from storysound.generate.maker import WEIGHTS
from storysound.generate.sosgen import Sosgen
from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.metrics.frechet import frechet_distance
from storysound.weights.resolver import Resolver

REPORT = {
    "dog": "dog", "rooster": "rooster", "rain": "rain", "sea_waves": "sea waves", "crackling_fire": "crackling fire",
    "crying_baby": "crying baby", "sneezing": "sneezing", "clock_tick": "clock tick", "helicopter": "helicopter",
    "chainsaw": "chainsaw",
}  # fmt: skip
CHOOSE = {
    "cat": "cat", "sheep": "sheep", "frog": "frog", "chirping_birds": "chirping birds", "thunderstorm": "thunderstorm",
    "pouring_water": "pouring water", "water_drops": "water drops", "glass_breaking": "glass breaking",
    "church_bells": "church bells", "siren": "siren",
}  # fmt: skip
FIRST_SEED = {"report": 0, "choose": 1000}


class Judge:
    """Ears' answers and what they are worth for prompts."""

    def __init__(self, models: Models) -> None:
        self._ears, self._words = models.encoder("ears"), models.encoder("minilm")
        self._names = text_vectors(self._words, ears.class_names())

    def answers(self, sounds: Sequence[Waveform]) -> tuple[list[Floats], Floats]:
        """Vectors [t 384] of each sound, and scores [n 521] pooled over time, against what is common among them."""
        found = self._ears.encode(sounds)
        scores = [one.scores["audioset"] for one in found]
        each = np.stack([np.sqrt(s.mean(0) * s.max(0)) for s in scores])
        return [one.embedding for one in found], each / np.sqrt(each.mean(0) + 0.01)

    def fits(self, scores: Floats, prompts: Sequence[str]) -> Floats:
        """[n prompts]."""
        weight = np.exp(text_vectors(self._words, prompts) @ self._names.T / 0.05)
        return np.asarray(scores @ (weight / weight.sum(1, keepdims=True)).T)


def figures(fits: Floats) -> dict[str, float]:
    """Of fits [seeds classes prompts] of sounds of the classes in the prompts' order."""
    own = np.einsum("scc->sc", fits)
    rank = (fits.transpose(0, 2, 1) > own[:, :, None]).sum(2)  # of the right sound among those of its seed
    scaled = (fits - fits.mean((0, 1))) / (fits.std((0, 1)) + 1e-9)
    right = np.einsum("scc->sc", scaled)[:, :, None] > scaled
    count = fits.shape[1]
    found = {f"r{k}": float((rank < k).mean()) for k in (1, 3, 5)}
    return found | {"right": float(right.sum() / (right.size * (count - 1) / count)), "n": float(rank.size)}


def made(model: Sosgen, prompts: Sequence[str], seeds: Sequence[int], words: Models) -> Iterator[list[Waveform]]:
    """For each seed, a sound of each prompt."""
    vectors = torch.from_numpy(text_vectors(words.encoder("minilm"), prompts))
    for seed in seeds:
        mels = model.spectrograms(vectors, [seed * 100 + number for number in range(len(prompts))], 5.0)
        yield [Waveform(sosgen.FORM.sounding(mel, seed)[None], sosgen.RATE_HZ) for mel in mels]


def clips(classes: Sequence[str]) -> dict[str, list[tuple[str, Path]]]:
    """(recording, file) of ESC-50's clips of the classes."""
    folder = data_folder() / "esc50"
    found: dict[str, list[tuple[str, Path]]] = {name: [] for name in classes}
    with (folder / "labels.csv").open() as rows:
        for row in csv.DictReader(rows):
            if row["category"] in found:
                found[row["category"]].append((row["src_file"], folder / row["file"]))
    return found


def through(samples: Samples, model: Sosgen | None) -> Waveform:
    """Samples [n] at the maker's rate as a spectrogram, through the autoencoder where there is a model, and back."""
    mels = sosgen.FORM.frames(samples, sosgen.FRAMES)
    if model is not None:
        with torch.inference_mode():
            mels = model.parts.code.decode(model.parts.code.encode(torch.from_numpy(mels[None])))[0].numpy()
        mels = mels + model.grain * sosgen.grain(mels.shape, 0)
    return Waveform(sosgen.FORM.sounding(mels, 0)[None], sosgen.RATE_HZ)


def frechet_ratio(made_vectors: list[Floats], real: list[Floats], recordings: Sequence[str]) -> float:
    """Fréchet distance to one half of the real clips, over that of the other half, as many clips of each."""
    dice = np.random.default_rng(0)
    ratios = []
    for _ in range(10):
        groups = dice.permutation(np.unique(recordings))
        half = np.isin(recordings, groups[: len(groups) // 2])
        size = min(int(half.sum()), int((~half).sum()))
        one, other = (dice.choice(np.flatnonzero(side), size, replace=False) for side in (half, ~half))
        ours = dice.choice(len(made_vectors), size, replace=False)
        here = np.concatenate([real[i] for i in one])
        apart = frechet_distance(np.concatenate([real[i] for i in other]), here)
        ratios.append(frechet_distance(np.concatenate([made_vectors[i] for i in ours]), here) / apart)
    return float(np.mean(ratios))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=sorted(FIRST_SEED), default="report")
    parser.add_argument("--model", type=Path, help="a folder with sosgen.safetensors; the shipped one")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, nargs="*", default=[sosgen.STEPS])
    parser.add_argument("--guidance", type=float, nargs="*", default=[sosgen.GUIDANCE])
    parser.add_argument("--grain", type=float, nargs="*", default=[sosgen.GRAIN])
    parser.add_argument("--real", action="store_true", help="real clips beside, as they are and through spectrograms")
    options = parser.parse_args()
    torch.set_num_threads(1)
    models = Models(load_profile(), Resolver(offline=True))
    judge, classes = Judge(models), REPORT if options.part == "report" else CHOOSE
    prompts, seeds = list(classes.values()), range(FIRST_SEED[options.part], FIRST_SEED[options.part] + options.seeds)
    folder = options.model or WEIGHTS
    model = sosgen.load(folder, torch.device("cpu"), models)
    table = Table("what", "n", "R@1", "R@3", "R@5", "right", "Fréchet ratio", "s of processor each")
    of = clips(list(classes))
    files = [item for name in classes for item in of[name]]
    owner = np.array([number for number, name in enumerate(classes) for _ in of[name]])
    real_waves = [read_audio(path, rate_hz=sosgen.RATE_HZ, channels=1) for _, path in files]
    real_vectors, _ = judge.answers(real_waves)
    recordings = [source for source, _ in files]

    def row(name: str, vectors: list[Floats], fits: Floats, spent: float) -> None:
        found = figures(fits)
        ratio = frechet_ratio(vectors, real_vectors, recordings)
        cells = [f"{found[key]:.2f}" for key in ("r1", "r3", "r5", "right")]
        table.add_row(name, f"{found['n']:.0f}", *cells, f"{ratio:.1f}", f"{spent:.2f}")
        print(
            json.dumps({"what": name, **{k: round(v, 3) for k, v in found.items()}, "frechet": round(ratio, 2)}),
            flush=True,
        )

    for steps, guidance, grain in product(options.steps, options.guidance, options.grain):
        began = time.process_time()
        model.steps, model.guidance, model.grain = steps, guidance, grain
        sounds = [wave for round_of in made(model, prompts, seeds, models) for wave in round_of]
        spent = (time.process_time() - began) / len(sounds)
        vectors, scores = judge.answers(sounds)
        fits = judge.fits(scores, prompts).reshape(len(seeds), len(prompts), len(prompts))
        row(f"made, {steps} steps, guidance {guidance:g}, grain {grain:g}", vectors, fits, spent)
    if options.real:
        shown = {
            "real": real_waves,
            "vocoded": [through(wave.samples[0], None) for wave in real_waves],
            "coded": [through(wave.samples[0], model) for wave in real_waves],
        }
        model.grain = 0.0
        shown["coded, no grain"] = [through(wave.samples[0], model) for wave in real_waves]
        dice = np.random.default_rng(0)
        drawn = np.array([[dice.choice(np.flatnonzero(owner == c)) for c in range(len(classes))] for _ in seeds])
        for name, waves in shown.items():
            vectors, scores = judge.answers(waves)
            row(f"{name}, {len(waves)} clips", vectors, judge.fits(scores, prompts)[drawn], 0.0)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
