"""Autoencoders of the small TAVDiffusion, of pictures and of sounds, and clips of the made world as their codes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from storysound.generate.video.small import COLUMNS, FORM, SmallTav
from storysound.media.arrays import Floats
from storysound.nn.patch_autoencoder import PATCH
from storysound.progress import Watch, check
from storysound.research.tavg.small.settings import SmallTavTraining
from storysound.research.tavg.world.clips import MadeClip, made_clip
from storysound.train.loop import Losses, Task, fabric_for, fit, last_weights, speaker

Part = Literal["train", "validation", "test"]
Batch = tuple[Tensor, ...]
GROUPS = 4  # of frames of a clip that are learned from at once
CROP = 13 * PATCH  # log-mel frames that are learned from at once
STILL = 0.1  # how much pixels count that are as in the clip's median: most are
BLOCK = 500  # clips in one file of latents
AT_ONCE = 20  # clips


@dataclass(frozen=True)
class RawClips:
    """Frames [n f h w 3] and log-mel frames [n t m] of clips of the made world."""

    frames: NDArray[np.uint8]
    mels: Floats


def raw_clips(part: Part, seeds: Sequence[int], watch: Watch) -> RawClips:
    """Clips of so many seeds."""
    made = []
    for number, seed in enumerate(seeds):
        watch.at(number, len(seeds), "made clips")
        made.append(made_clip(part, seed))
    return RawClips(np.stack([clip.frames for clip in made]), np.stack([mels_of(clip) for clip in made]))


def mels_of(clip: MadeClip) -> Floats:
    """Log-mel frames [t m] of a clip."""
    return FORM.frames(clip.sound, COLUMNS)


def picture_batch(clips: RawClips, together: int, size: int, dice: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Frames [b f 3 h w] in [-1, 1] of some groups of clips, and how much each of their pixels counts."""
    starts = np.arange(clips.frames.shape[1] // together)
    frames, weights = [], []
    for number in dice.choice(len(clips.frames), size):
        whole = clips.frames[number]
        chosen = (dice.choice(starts, GROUPS, replace=False)[:, None] * together + np.arange(together)).ravel()
        still = np.abs(whole[chosen].astype(np.int16) - np.median(whole[::4], axis=0)).max(axis=-1) < 16
        frames.append(whole[chosen])
        weights.append(np.where(still, STILL, 1.0))
    pictures = torch.from_numpy(np.stack(frames)).permute(0, 1, 4, 2, 3).float() / 127.5 - 1
    return pictures, torch.from_numpy(np.stack(weights)).float()[:, :, None]


def picture_losses(network: nn.Module, batch: Batch) -> Losses:
    """Mean absolute and squared error of pixels [b f 3 h w], weighted as `picture_batch` says [b f 1 h w]."""
    pictures, weights = batch
    error = network(pictures) - pictures
    total = (weights * (error.abs() + error.square())).sum() / weights.sum() / 3
    return {"loss": total, "plain": error.abs().mean().detach()}


def sound_losses(network: nn.Module, batch: Batch) -> Losses:
    """Mean absolute error of log-mel frames, [b t m] alone, and of their changes along both axes."""
    (mels,) = batch
    seen = network(mels)
    plain = (seen - mels).abs().mean()
    steps = [(seen.diff(dim=axis) - mels.diff(dim=axis)).abs().mean() for axis in (1, 2)]
    return {"loss": plain + 0.5 * (steps[0] + steps[1]), "plain": plain.detach()}


def taught_codes(recipe: SmallTavTraining, parts: SmallTav, watch: Watch) -> None:
    """Teaches both autoencoders, or goes on; then sets the mean and spread of their codes."""
    learned = raw_clips("train", range(recipe.code_clips), watch)
    judged = raw_clips("validation", range(32), watch)
    together = parts.frames.config.together

    def pictures(step: int, rank: int, ranks: int) -> tuple[Tensor, Tensor]:
        dice = np.random.default_rng([recipe.seed, step, rank, ranks])
        return picture_batch(learned, together, max(1, recipe.batch // 2), dice)

    def sounds(step: int, rank: int, ranks: int) -> tuple[Tensor]:
        dice = np.random.default_rng([recipe.seed, step, rank, ranks, 1])
        rows = dice.choice(len(learned.mels), recipe.batch)
        starts = dice.integers(0, (COLUMNS - CROP) // PATCH + 1, recipe.batch) * PATCH
        pieces = [learned.mels[row, start : start + CROP] for row, start in zip(rows, starts, strict=True)]
        return (torch.from_numpy(np.stack(pieces)),)

    seen = picture_batch(judged, together, len(judged.frames), np.random.default_rng(0))
    _taught("frames", parts.frames, picture_losses, pictures, seen, recipe, watch)
    parts.sounds.fit_straight(torch.from_numpy(learned.mels[:256]))
    _taught("sounds", parts.sounds, sound_losses, sounds, (torch.from_numpy(judged.mels),), recipe, watch)
    _standardise(parts, learned)


def _taught(
    name: str, network: nn.Module, losses: Callable[[nn.Module, Batch], Losses],
    batch_at: Callable[[int, int, int], Batch], judged: Batch, recipe: SmallTavTraining, watch: Watch,
) -> None:  # fmt: skip
    """Teaches one of them in a folder of its own; what is judged is always the same."""
    folder = recipe.out / name
    fabric = fabric_for(folder, precision=recipe.precision, devices=recipe.devices)
    watch = speaker(fabric, watch)
    watch.step(name)

    def there(batch: Batch) -> Batch:
        return tuple(part.to(fabric.device) for part in batch)

    task = Task(
        network, losses, lambda step, rank, ranks: there(batch_at(step, rank, ranks)),
        lambda module: {"fit": -float(losses(module, there(judged))["loss"])}, "fit",
        {"seed": recipe.seed, "clips": recipe.code_clips, "batch": recipe.batch},
    )  # fmt: skip
    fit(task, recipe.code_plan(), folder, fabric, watch)
    network.load_state_dict(last_weights(folder))
    network.cpu().eval().requires_grad_(False)


@torch.inference_mode()
def _standardise(parts: SmallTav, clips: RawClips) -> None:
    """Sets mean and spread of codes, by channel."""
    audio, video = parts.latents(list(clips.frames[:256]), list(clips.mels[:256]))
    for network, codes, others in ((parts.sounds, audio, (0, 2, 3)), (parts.frames, video, (0, 1, 3, 4))):
        network.mean.copy_(codes.mean(others))
        network.spread.copy_(codes.std(others))


@dataclass(frozen=True)
class CodedClips:
    """Latents half [n c t m] of sounds and [n g c h w] of pictures, and the words of each [n k]."""

    audio: Tensor
    video: Tensor
    ids: Tensor


@torch.no_grad()
def coded_clips(part: Part, count: int, parts: SmallTav, folder: Path, watch: Watch) -> CodedClips:
    """The first `count` clips of a part, from the folder where they were kept, else made and kept."""
    found = []
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        file = folder / f"{part}-{start}-{stop}.safetensors"
        if not file.exists():
            watch.at(start, count, "clips")
            folder.mkdir(parents=True, exist_ok=True)
            save_file(_coded(part, range(start, stop), parts), file.with_suffix(".part"))
            file.with_suffix(".part").replace(file)
        found.append(load_file(file))
    whole = {name: torch.cat([each[name] for each in found]) for name in ("audio", "video", "ids")}
    return CodedClips(**whole)


def _coded(part: Part, seeds: range, parts: SmallTav) -> dict[str, Tensor]:
    """Latents and words of clips, by name."""
    coded: dict[str, list[Tensor]] = {"audio": [], "video": [], "ids": []}
    for start in range(0, len(seeds), AT_ONCE):
        check()
        clips = [made_clip(part, seed) for seed in seeds[start : start + AT_ONCE]]
        audio, video = parts.latents([clip.frames for clip in clips], [mels_of(clip) for clip in clips])
        ids = parts.ids([clip.text for clip in clips])
        for name, value in (("audio", audio.half()), ("video", video.half()), ("ids", ids)):
            coded[name].append(value)
    return {name: torch.cat(each).contiguous() for name, each in coded.items()}
