"""The small SoSgen: text to sound by rectified flow over the codes of a small spectrogram autoencoder.

Not the paper's (section 4.2: Stable Diffusion over pictures of spectrograms), but what can be learned on a processor in
hours: slices of 5 s, codes eight times smaller in time and in band, texts as MiniLM's vectors, all of it made once.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from storysound.encode.labels import remembered_vectors
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.generate.sosgen import BANDS, FRAMES, Parts, tokens_of
from storysound.library.dataset import Dataset
from storysound.media.arrays import Floats, Ints
from storysound.nn.flow import FlowConfig, FlowTransformer, flow_loss
from storysound.nn.patch_autoencoder import PATCH, AutoencoderConfig, PatchAutoencoder
from storysound.progress import Watch, check
from storysound.research.sos.generator.flow_settings import FlowTraining
from storysound.research.sos.generator.story_pieces import story_pieces
from storysound.research.stories.batches import held_out
from storysound.train.loop import Losses, Task, fabric_for, fit, last_weights

HELD_OUT = 20  # one in so many sounds, or films, is not learned from
WORDLESS = 0.1  # share of the examples without a text: what guidance weighs against
CROP = 13 * PATCH  # frames that the autoencoder learns from at once


@dataclass(frozen=True)
class Slices:
    """What is learned from: log-mel slices [n t m] about of mean 0 and strength 1; the kind of each; texts of kinds."""

    mels: Floats
    kinds: Ints  # [n]
    texts: tuple[tuple[str, ...], ...]  # of each kind
    held_out: NDArray[np.bool_]  # whether each slice is kept for judging [n]


def read_slices(folder: Path) -> Slices:
    """Raises InputError where the folder is not what `prepare.py` makes."""
    try:
        mels = np.load(folder / "mels.npy", mmap_mode="r")
        kinds = np.load(folder / "kinds.npy")
        texts = json.loads((folder / "texts.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        do = "make them by shipped_weights/sosgen/prepare.py, or give a data set of `storysound ingest`"
        raise InputError(folder, f"holds no slices: {error}", do) from error
    if mels.shape[1:] != (FRAMES, BANDS.n_mels) or len(mels) != len(kinds):
        raise InputError(folder, f"slices of shape {mels.shape} and {len(kinds)} kinds don't fit", "make them anew")
    one_in_so_many = np.asarray(np.arange(len(mels)) % HELD_OUT == 0)
    return Slices(mels, kinds, tuple(tuple(texts[name]) for name in texts), one_in_so_many)


def slices_of(recipe: FlowTraining, watch: Watch) -> Slices:
    """Those of `read_slices`, or of a data set the pieces of the paper's slices. Raises as both."""
    if not Dataset.is_at(recipe.data):
        return read_slices(recipe.data)
    pieces = story_pieces(recipe.data, recipe.out / "slices.npz", watch)
    out = held_out(pieces.films, 1 / HELD_OUT).numpy()
    if out.all():
        raise InputError(recipe.data, f"its {len(out)} slices are of one film, which is held out", "add stories")
    return Slices(pieces.mels, pieces.stories, tuple((text,) for text in pieces.texts), out)


def crops(slices: Slices, size: int, seed: int, step: int, rank: int, ranks: int) -> Tensor:
    """A batch [b t m] of pieces of `CROP` frames for the autoencoder; a pure function of the step."""
    dice = np.random.default_rng([seed, step, rank, ranks, 1])
    learned = np.flatnonzero(~slices.held_out)
    rows, starts = dice.choice(learned, size), dice.integers(0, FRAMES - CROP + 1, size)
    pieces = [slices.mels[row, start : start + CROP] for row, start in zip(rows, starts, strict=True)]
    return torch.from_numpy(np.stack(pieces).astype(np.float32))


def code_losses(network: nn.Module, mels: Tensor) -> Losses:
    """Mean absolute error of the bands [b t m], and of their changes from one to the next in both directions."""
    seen = network(mels)
    plain = (seen - mels).abs().mean()
    steps = [(seen.diff(dim=axis) - mels.diff(dim=axis)).abs().mean() for axis in (1, 2)]
    return {"loss": plain + 0.5 * (steps[0] + steps[1]), "plain": plain.detach()}


def judge_code(network: nn.Module, mels: Tensor) -> dict[str, float]:
    """The mean absolute error over held-out slices [n t m], negative: more is better."""
    device = next(network.parameters()).device
    errors = [(network(part.to(device)) - part.to(device)).abs().mean() for part in torch.split(mels, 16)]
    return {"fit": -float(torch.stack(errors).mean())}


def autoencoder(recipe: FlowTraining, slices: Slices, watch: Watch) -> PatchAutoencoder:
    """The trained autoencoder; its codes have mean 0 and strength 1 in each channel."""
    fabric = fabric_for(recipe.out / "code", precision=recipe.precision, devices=recipe.devices)
    network = PatchAutoencoder(AutoencoderConfig())
    network.fit_straight(crops(slices, 256, recipe.seed, -1 % (1 << 31), 0, 1))
    some = np.flatnonzero(slices.held_out)[:64]
    judged = torch.from_numpy(slices.mels[some].astype(np.float32))
    task = Task(
        network, code_losses,
        lambda step, rank, ranks: crops(slices, 24, recipe.seed, step, rank, ranks).to(fabric.device),
        partial(judge_code, mels=judged), "fit", {"seed": recipe.seed},
    )  # fmt: skip
    fit(task, recipe.code_plan(), recipe.out / "code", fabric, watch)
    network = PatchAutoencoder(AutoencoderConfig())
    network.load_state_dict(last_weights(recipe.out / "code"))
    return network.eval()


@torch.inference_mode()
def codes(recipe: FlowTraining, slices: Slices, network: PatchAutoencoder, watch: Watch) -> Floats:
    """Codes float16 [n t/8 m/8 c] of all slices, made once; sets the network's `mean` and `spread` by them."""
    kept = recipe.out / "codes.npz"
    if not kept.exists():
        watch.say(f"encoding {len(slices.mels)} slices")
        parts = []
        for start in range(0, len(slices.mels), 32):
            check()
            parts.append(network.encode(torch.from_numpy(slices.mels[start : start + 32].astype(np.float32))).numpy())
        every = np.concatenate(parts)
        mean, spread = every.mean((0, 1, 2)), every.std((0, 1, 2))
        partial_file = kept.with_suffix(".part.npz")
        np.savez(partial_file, codes=((every - mean) / spread).astype(np.float16), mean=mean, spread=spread)
        partial_file.replace(kept)
    found = np.load(kept)
    network.mean.copy_(torch.from_numpy(found["mean"]))
    network.spread.copy_(torch.from_numpy(found["spread"]))
    return np.asarray(found["codes"])


@dataclass(frozen=True)
class Examples:
    """Codes with the vectors of texts of their kinds."""

    tokens: Tensor  # half [n k c]
    kinds: Tensor  # [n]
    vectors: Tensor  # [p d] of all texts
    kind_of: Tensor  # [p]

    def batch(self, rows: Tensor, dice: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Tokens [b k c] and a text of the kind of each [b d], sometimes none."""
        texts = self._rows(self.kind_of)
        vectors = self.vectors[[int(dice.choice(texts[int(self.kinds[row])])) for row in rows]].clone()
        vectors[torch.from_numpy(dice.random(len(rows)) < WORDLESS)] = 0
        return self.tokens[rows].float(), vectors

    def balanced(self, learned: Tensor, size: int, dice: np.random.Generator) -> Tensor:
        """Rows [b] among `learned`: a kind by chance, then one of its slices."""
        rows = self._rows(self.kinds[learned])
        picked = dice.choice(list(rows), size)
        return torch.stack([learned[int(dice.choice(rows[int(kind)]))] for kind in picked])

    @staticmethod
    def _rows(kinds: Tensor) -> dict[int, NDArray[np.intp]]:
        values = kinds.numpy()
        return {int(kind): np.flatnonzero(values == kind) for kind in np.unique(values)}

    def fit(self, network: FlowTransformer, learned: Tensor) -> None:
        """Sets what the network sees before it learns: the mean of each kind, and how tokens vary about it."""
        tokens = self.tokens[learned].float()
        present, kinds = torch.unique(self.kinds[learned], return_inverse=True)  # others are all held out
        means = torch.stack([tokens[kinds == kind].mean((0, 1)) for kind in range(len(present))])
        flat = kinds[:, None].expand(-1, tokens.shape[1]).reshape(-1)
        told = torch.isin(self.kind_of, present)
        owners = torch.searchsorted(present, self.kind_of[told])
        network.gaussian.fit(means, self.vectors[told], owners, tokens.flatten(0, 1), flat)


def train(recipe: FlowTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best figure (held-out loss, negative). Writes `out/sosgen`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    slices = slices_of(recipe, watch)
    watch.say(f"{len(slices.mels)} slices of {len(slices.texts)} kinds, {int(slices.held_out.sum())} held out")
    code = autoencoder(recipe, slices, watch)
    tokens = tokens_of(torch.from_numpy(codes(recipe, slices, code, watch)), recipe.joined)
    words = [text for group in slices.texts for text in group]
    vectors = torch.from_numpy(remembered_vectors("sosgen-texts", words, models.encoder("minilm"), recipe.out))
    kind_of = torch.tensor([number for number, group in enumerate(slices.texts) for _ in group])
    examples = Examples(tokens, torch.from_numpy(slices.kinds), vectors, kind_of)
    held = torch.from_numpy(slices.held_out)
    learned, judged = torch.where(~held)[0], torch.where(held)[0]
    fabric = fabric_for(recipe.out / "flow", precision=recipe.precision, devices=recipe.devices)

    def batch_at(step: int, rank: int, ranks: int) -> tuple[Tensor, Tensor, int]:
        dice = np.random.default_rng([recipe.seed, step, rank, ranks])
        data, vectors = examples.batch(examples.balanced(learned, recipe.batch, dice), dice)
        return data.to(fabric.device), vectors.to(fabric.device), int(dice.integers(1 << 40))

    def losses(network: nn.Module, batch: tuple[Tensor, Tensor, int]) -> Losses:
        return {"loss": flow_loss(network, batch[0], batch[1], torch.Generator().manual_seed(batch[2]))}

    def judge(network: nn.Module) -> dict[str, float]:
        data, vectors = examples.batch(judged, np.random.default_rng(0))
        parts = zip(torch.split(data, 64), torch.split(vectors, 64), strict=True)
        dice = torch.Generator().manual_seed(0)
        found = [flow_loss(network, a.to(fabric.device), b.to(fabric.device), dice) for a, b in parts]
        return {"fit": -float(torch.stack(found).mean())}

    config = FlowConfig(tokens.shape[1], tokens.shape[2], vectors.shape[1], recipe.width, recipe.layers)
    settings = {"batch": recipe.batch, "seed": recipe.seed, "width": recipe.width, "layers": recipe.layers}
    network = FlowTransformer(config)
    examples.fit(network, learned)
    task = Task(network, losses, batch_at, judge, "fit", {**settings, "joined": recipe.joined})
    best = fit(task, recipe.plan(), recipe.out / "flow", fabric, watch)
    if fabric.is_global_zero:
        flow = FlowTransformer(config)
        flow.load_state_dict(last_weights(recipe.out / "flow"))
        Parts(code, flow, recipe.joined, tuple(words), vectors).save(recipe.out / "sosgen")
    return best
