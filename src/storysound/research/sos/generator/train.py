"""`storysound train sosgen`: the paper's SoSgen (Sound of Story, section 4.2.2) on slices of a data set's stories.

Stage one, the variant "text": UNet and CLIP text encoder learn (Eq. 12). Stage two, "text+image" and "image": they are
frozen, and a control branch learns what frames add (Eq. 13). The VAE and the eyes learn in neither.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from storysound.encode import cache, hub
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.generate.diffusion_folder import DiffusionParts, read_eyes, read_parts, write_parts
from storysound.generate.pretrained import chosen_folder
from storysound.generate.riffusion import embedded
from storysound.generate.variants import FIXED_TEXT
from storysound.nn.frame_track import spread
from storysound.nn.latent_diffusion import FramesNoise, FrozenParts, TextNoise, encoded, frames_loss, text_loss
from storysound.progress import Watch, check
from storysound.research.sos.generator.settings import SosgenTraining
from storysound.research.sos.generator.slices import StorySlices, read_slices
from storysound.research.stories.batches import held_out, stories_at
from storysound.train.loop import Losses, Task, check_agrees, fabric_for, fit, last_weights, speaker

BASE = "stable-diffusion"  # of the catalogue
FOLDER = "sosgen"  # of a run: what it made
BLOCK = 64  # slices in one file of the cache


@dataclass(frozen=True)
class SliceBatch:
    """Pictures [b 3 h w] in [-1, 1]; tokens of texts [b n]; tracks of frames [b k d], or none; a seed."""

    pictures: Tensor
    ids: Tensor
    frames: Tensor | None
    seed: int

    def to(self, device: torch.device) -> "SliceBatch":
        """The same there."""
        frames = None if self.frames is None else self.frames.to(device)
        return SliceBatch(self.pictures.to(device), self.ids.to(device), frames, self.seed)


@dataclass(frozen=True)
class SliceBatches:
    """Batches of slices as the networks of a folder take them; `vectors` of the frames of each slice [m d]."""

    slices: StorySlices
    parts: DiffusionParts
    vectors: tuple[Tensor, ...] = ()

    def of(self, numbers: Tensor, dice: np.random.Generator) -> SliceBatch:
        """The slices [b]. One longer than the model's width is cut, anywhere; beside a longer one, silence follows."""
        found = [self._one(int(number), dice) for number in numbers]
        most = max(picture.shape[1] for picture, _ in found)
        width = -(-most // self.parts.multiple) * self.parts.multiple
        pictures = np.full((len(found), self.parts.about.form.bands, width, 3), 255, np.uint8)
        for row, (picture, _) in zip(pictures, found, strict=True):
            row[:, : picture.shape[1]] = picture
        values = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        texts = [self.text(int(number)) for number in numbers]
        frames = None
        if self.vectors:
            cells = width // self.parts.multiple
            frames = torch.stack([
                self._track(int(number), cells, first * self.parts.about.column_s)
                for number, (_, first) in zip(numbers, found, strict=True)
            ])  # fmt: skip
        return SliceBatch(values, self.parts.tokens(texts), frames, int(dice.integers(1 << 40)))

    def text(self, number: int) -> str:
        """What the text encoder is told of a slice."""
        return FIXED_TEXT if self.parts.about.variant == "image" else self.slices.slices[number].text

    def _one(self, number: int, dice: np.random.Generator) -> tuple[np.ndarray[Any, Any], int]:
        """The picture [h w 3] of a slice, at most as wide as the model's, and its first column."""
        picture = self.slices.picture(number, self.parts.about.form)
        spare = picture.shape[1] - self.parts.about.width
        first = int(dice.integers(0, spare + 1)) if spare > 0 else 0
        return picture[:, first : first + self.parts.about.width], first

    def _track(self, number: int, cells: int, start_s: float) -> Tensor:
        times_s = [at_s - start_s for at_s in self.slices.slices[number].times_s]
        return spread(self.vectors[number], times_s, cells, self.parts.cell_s)


def frame_vectors(slices: StorySlices, eyes: Any, folder: Path, watch: Watch) -> tuple[Tensor, ...]:
    """CLIP's vectors of the frames of each slice [m d], from the folder where they were kept, else made and kept."""
    found: list[Tensor] = []
    weights = eyes.visual_projection.weight.detach().cpu().numpy()
    revision = hashlib.sha256(weights.tobytes()).hexdigest()[:16]
    for start in range(0, len(slices), BLOCK):
        numbers = range(start, min(start + BLOCK, len(slices)))
        watch.at(start, len(slices), "frames")

        def see(numbers: range = numbers) -> dict[str, Tensor]:
            made = {}
            for number in numbers:
                check()
                made[str(number)] = embedded(eyes, slices.frames(number))
            return made

        kept = cache.kept(folder, ["frames", revision, slices.sha, start], see)
        found += [kept[str(number)] for number in numbers]
    return tuple(found)


def begun(recipe: SosgenTraining, models: Models) -> DiffusionParts:
    """What a run begins with: the folder's parts and, for frames, a control branch, an untaught one where it has none.

    Raises MissingModelError where the folder or the eyes aren't there, or are of something else.
    """
    folder = Path(recipe.model).expanduser()
    if recipe.model == BASE:
        others = f"model=FOLDER takes Riffusion's or a run's {FOLDER}"
        _, folder, _ = chosen_folder(BASE, (BASE,), models.weights, others)
    parts = read_parts(folder)
    if recipe.variant == "text":
        return replace(parts, about=replace(parts.about, variant="text"), control=None, track=None, eyes=None)
    if parts.control is not None:
        return replace(parts, about=replace(parts.about, variant=recipe.variant))
    if recipe.eyes is not None:
        eyes = read_eyes(recipe.eyes)
    else:
        eyes = hub.network(models.weights, "clip", "CLIPVisionModelWithProjection")
    return parts.with_branch(recipe.variant, eyes, recipe.seed)


def network_of(parts: DiffusionParts, *, checkpointing: bool = False) -> nn.Module:
    """What learns: UNet and text encoder; or, where there is one, the control branch with its track of frames."""
    if checkpointing:
        for part in (parts.unet, parts.control):
            if part is not None:
                part.enable_gradient_checkpointing()
        parts.text_encoder.activation_checkpointing_enable()
    if parts.control is None or parts.track is None:
        return TextNoise(parts.unet.requires_grad_(True), parts.text_encoder.requires_grad_(True))
    frozen = FrozenParts(parts.unet, parts.text_encoder)
    return FramesNoise(parts.control.requires_grad_(True), parts.track, frozen, parts.factor)


def loss_of(network: nn.Module, batch: SliceBatch, parts: DiffusionParts) -> Tensor:
    """Eq. 12 of a batch without frames, Eq. 13 of one with them."""
    dice = torch.Generator().manual_seed(batch.seed)
    latents = encoded(parts.vae, batch.pictures, dice)
    if batch.frames is None:
        return text_loss(network, latents, batch.ids, parts.schedule, dice)
    return frames_loss(network, latents, batch.ids, batch.frames, parts.schedule, dice)


def taught(parts: DiffusionParts, weights: Mapping[str, Tensor]) -> DiffusionParts:
    """The parts with the weights of a run's network."""
    network = network_of(parts)
    network.load_state_dict(dict(weights))
    network.eval().requires_grad_(False)
    for part in (parts.unet, parts.control):
        if part is not None:
            part.disable_gradient_checkpointing()
    parts.text_encoder.activation_checkpointing_disable()
    return parts


def split(recipe: SosgenTraining, slices: StorySlices) -> tuple[Tensor, Tensor]:
    """Numbers of the slices that are learned from [n], and of those held out [m]. Raises InputError where none are."""
    out = held_out(tuple(one.group for one in slices.slices), recipe.held_out)
    learned, judged = (torch.nonzero(which)[:, 0] for which in (~out, out))
    if not len(learned):
        raise InputError(recipe.data, f"its {len(slices)} slices are of one film, which is held out", "add stories")
    return learned, judged


def train(recipe: SosgenTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best figure (loss of held-out slices, negative). Writes `out/sosgen`.

    Raises LibraryError and InputError for data that can't be learned from, MissingModelError as `begun`.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    given = {"seed": recipe.seed, "batch": recipe.batch, "variant": recipe.variant}
    check_agrees(recipe.out, recipe.plan(), **given)
    slices = read_slices(recipe.data, recipe.variant)
    learned, judged = split(recipe, slices)
    parts = begun(recipe, models)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=recipe.devices)
    watch = speaker(fabric, watch)
    watch.plan({"features": 0.05, "training": 0.95})
    watch.say(f"{len(learned)} slices to learn from, {len(judged)} held out")
    vectors: tuple[Tensor, ...] = ()
    if parts.eyes is not None:
        watch.step("features")
        with fabric.rank_zero_first():  # the others find what the first has seen
            vectors = frame_vectors(slices, parts.eyes.to(fabric.device), recipe.out / "features", watch)
    batches = SliceBatches(slices, parts, vectors)
    for part in (parts.vae, parts.unet, parts.text_encoder):
        part.requires_grad_(False).to(fabric.device)

    def batch_at(number: int, rank: int, ranks: int) -> SliceBatch:
        chosen = stories_at(learned, recipe.batch, recipe.seed, number, rank, ranks)
        return batches.of(chosen, np.random.default_rng([recipe.seed, number, rank, ranks])).to(fabric.device)

    def losses(network: nn.Module, batch: SliceBatch) -> Losses:
        return {"loss": loss_of(network, batch, parts)}

    task = Task(
        network_of(parts, checkpointing=recipe.checkpointing), losses, batch_at,
        partial(judge, batches=batches, judged=judged[: recipe.judged], device=fabric.device), "fit",
        {**given, "data": slices.sha},
    )  # fmt: skip
    best = fit(task, recipe.plan(), recipe.out, fabric, watch)
    if fabric.is_global_zero:
        write_parts(taught(parts, last_weights(recipe.out)), recipe.out / FOLDER)
    return best


def judge(network: nn.Module, batches: SliceBatches, judged: Tensor, device: torch.device) -> dict[str, float]:
    """The mean loss of held-out slices [m], negative: the same noise every time."""
    found = []
    for number in judged:
        check()
        batch = batches.of(number[None], np.random.default_rng(int(number))).to(device)
        found.append(loss_of(network, batch, batches.parts))
    return {"fit": -float(torch.stack(found).mean())}
