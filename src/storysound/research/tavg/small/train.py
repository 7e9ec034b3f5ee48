"""`storysound train tav-small`: the paper's network and loss (TAVGBench, section 4) at a size a processor can learn.

With `network=streams` a rectified-flow transformer of two streams in its place, of the same clips, words and codes.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.generate.lexicon import Lexicon
from storysound.generate.video.small import SmallTav, SmallTavConfig, StreamsShape, read_small, untaught
from storysound.generate.video.worded import Worded, WordedStreams, schedule
from storysound.losses.audio_visual import audible_flow_loss, audible_video_loss
from storysound.nn.word_encoder import WordEncoderConfig
from storysound.progress import Watch
from storysound.research.stories.batches import stories_at
from storysound.research.tavg.small.codes import CodedClips, coded_clips, taught_codes
from storysound.research.tavg.small.settings import SmallTavTraining
from storysound.research.tavg.world.sentences import WORDS
from storysound.train.attention import SingleAttention
from storysound.train.loop import Losses, Task, fabric_for, fit, last_weights, speaker

FOLDER = "small"  # of a run: what it made
_CODES = "codes"  # of a run: the autoencoders
_LATENTS = "latents"
_LINKS = tuple(f"network.{name}" for name in ("audio_attention", "video_attention", "audio_weight", "video_weight"))

ClipBatch = tuple[Tensor, Tensor, Tensor, int]  # sounds [b c t m], pictures [b g c h w], words [b k], a seed


def begun(recipe: SmallTavTraining, watch: Watch) -> tuple[SmallTav, Path]:
    """What a run begins with: taught autoencoders, an untaught network; and the run that has their latents.

    Raises MissingModelError where `latents` is no run with autoencoders, or `start` no model; InputError where that
    has another network.
    """
    parts = untaught(config_of(recipe), Lexicon(WORDS), recipe.seed)
    home = recipe.latents or recipe.out
    if recipe.latents is None and not (home / _CODES).exists():
        taught_codes(recipe, parts, watch)
        parts.save(home / _CODES)
    codes = read_small(home / _CODES)
    if recipe.start is not None:
        _begin_with(parts, recipe.start, afresh=recipe.links_afresh)
    return replace(parts, frames=codes.frames, sounds=codes.sounds), home


def config_of(recipe: SmallTavTraining) -> SmallTavConfig:
    """Shapes of what is trained."""
    found = SmallTavConfig(words=WordEncoderConfig(len(WORDS)))
    return replace(
        found, network=replace(found.network, cross_attention=recipe.cross_attention, alignment=recipe.alignment),
        streams=StreamsShape() if recipe.network == "streams" else None,
    )  # fmt: skip


def _begin_with(parts: SmallTav, folder: Path, *, afresh: bool) -> None:
    """Takes the weights of another's network; with `afresh` all but its links, which `parts` may have or not."""
    there = read_small(folder)
    if there.lexicon != parts.lexicon or _shapes(there, linked=not afresh) != _shapes(parts, linked=not afresh):
        raise InputError(folder, "its network is another one", "choose the same network, cross_attention and alignment")
    taken = there.worded.state_dict()
    if afresh:
        own = {name: weight for name, weight in parts.worded.state_dict().items() if name.startswith(_LINKS)}
        taken = {name: weight for name, weight in taken.items() if not name.startswith(_LINKS)} | own
    parts.worded.load_state_dict(taken)


def _shapes(parts: SmallTav, *, linked: bool) -> SmallTavConfig:
    """What networks must agree on: with `linked` which links they have, too."""
    if linked:
        return parts.config
    return replace(parts.config, network=replace(parts.config.network, cross_attention=False, alignment=False))


def loss_of(network: nn.Module, batch: ClipBatch, recipe: SmallTavTraining, worded: Worded) -> Losses:
    """Eq. 15 of a batch, latents [b c t m] and [b g c h w], and its parts. `network`: `worded`, as it is trained."""
    audio, video, ids, seed = batch
    dice, how = torch.Generator().manual_seed(seed), (recipe.share, recipe.temperature, recipe.match)
    with SingleAttention():
        if isinstance(worded, WordedStreams):
            tokens = worded.tokens(audio, video)
            found = audible_flow_loss(network, tokens.audio, tokens.video, ids, ids > 0, tokens.places, dice, *how)
        else:
            found = audible_video_loss(network, audio, video, ids, schedule(), dice, *how)
    return found.by_name()


def computed_again(block: nn.Module, *given: Tensor) -> Any:
    """What a block gives, computed once more going back: attention as `loss_of` has it, which then is over."""

    def within(*given: Tensor) -> Any:
        with SingleAttention():
            return block(*given)

    return checkpoint(within, *given, use_reentrant=False)


def judge(
    network: nn.Module, clips: CodedClips, recipe: SmallTavTraining, worded: Worded, device: torch.device
) -> dict[str, float]:
    """The mean error of both sides over clips of other combinations, negative: the same noise every time."""
    errors = []
    for number, rows in enumerate(torch.split(torch.arange(len(clips.ids)), recipe.batch)):
        losses = loss_of(network, _batch(clips, rows, number, device), recipe, worded)
        errors.append(losses["audio"] + losses["video"])
    return {"fit": -float(torch.stack(errors).mean())}


def _batch(clips: CodedClips, rows: Tensor, seed: int, device: torch.device) -> ClipBatch:
    """Clips [b] of them, there."""
    audio, video, ids = (part[rows].to(device) for part in (clips.audio, clips.video, clips.ids))
    return audio.float(), video.float(), ids, seed


def train(recipe: SmallTavTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best figure (held-out error, negative). Writes `out/small`.

    `models`: nothing of them is needed. Raises MissingModelError as `begun`.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=recipe.devices)
    watch = speaker(fabric, watch)
    with fabric.rank_zero_first():  # the others find what the first has made
        parts, home = begun(recipe, watch)
        watch.step("latents")
        learned = coded_clips("train", recipe.clips, parts, home / _LATENTS, watch)
        judged = coded_clips("validation", recipe.judged, parts, home / _LATENTS, watch)
    every = torch.arange(recipe.clips)

    def batch_at(step: int, rank: int, ranks: int) -> ClipBatch:
        rows = stories_at(every, recipe.batch, recipe.seed, step, rank, ranks)
        dice = np.random.default_rng([recipe.seed, step, rank, ranks])
        audio, video, ids, seed = _batch(learned, rows, int(dice.integers(1 << 40)), fabric.device)
        ids[torch.from_numpy(dice.random(len(rows)) < recipe.wordless)] = 0
        return audio, video, ids, seed

    if recipe.checkpointing:
        parts.worded.enable_gradient_checkpointing(computed_again)
    task = Task(
        parts.worded, partial(loss_of, recipe=recipe, worded=parts.worded), batch_at,
        partial(judge, clips=judged, recipe=recipe, worded=parts.worded, device=fabric.device), "fit",
        {
            "seed": recipe.seed, "batch": recipe.batch, "clips": recipe.clips, "wordless": recipe.wordless,
            "cross_attention": recipe.cross_attention, "alignment": recipe.alignment, "share": recipe.share,
            "temperature": recipe.temperature, "match": recipe.match, "start": recipe.start and str(recipe.start),
            **({"links_afresh": True} if recipe.links_afresh else {}),  # runs of old know nothing of it, nor of this
            **({"network": recipe.network} if recipe.network != "unets" else {}),
        },
    )  # fmt: skip
    best = fit(task, recipe.plan(), recipe.out, fabric, watch)
    if fabric.is_global_zero:
        parts.worded.load_state_dict(last_weights(recipe.out))
        parts.worded.eval()
        parts.save(recipe.out / FOLDER)
    return best
