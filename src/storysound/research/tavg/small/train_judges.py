"""`storysound train tav-judges`: who judges clips of the made world, on clips and on what their codes keep of them.

Half of the clips go through the autoencoders of a small TAVDiffusion first, so that judges look at what is in a clip,
not at how sharp it is.
"""

import numpy as np
import torch
from torch import nn

from storysound.encode.pool import Models
from storysound.generate.video.small import SmallTav, read_small
from storysound.progress import Watch
from storysound.research.stories.batches import stories_at
from storysound.research.tavg.small.codes import Part, mels_of
from storysound.research.tavg.small.judges import JudgeBatch, Judges, contact_curve, judge_losses, numbers_of
from storysound.research.tavg.small.settings import JudgeTraining
from storysound.research.tavg.world.clips import MadeClip, made_clip
from storysound.train.loop import Losses, Task, fabric_for, fit, last_weights, speaker

FIRST = 1_000_000  # seed: judges learn from clips that no generator learns from
_JUDGED = 64
_NOISE = 0.1  # on codes


def clips_of(part: Part, count: int, watch: Watch) -> list[MadeClip]:
    """So many clips that no generator has learned from."""
    made = []
    for number in range(count):
        watch.at(number, count, "made clips")
        made.append(made_clip(part, FIRST + number))
    return made


@torch.no_grad()
def judge_batch(clips: list[MadeClip], parts: SmallTav | None, device: torch.device, noise: int) -> JudgeBatch:
    """Clips as judges take them; with `parts`, as its codes keep them, with noise of that seed on them."""
    mels = torch.from_numpy(np.stack([mels_of(clip) for clip in clips])).to(device)
    frames = torch.from_numpy(np.stack([clip.frames for clip in clips])).to(device)
    pictures = frames.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
    if parts is not None:
        dice = torch.Generator().manual_seed(noise)
        codes = [parts.sounds.encode(mels), parts.frames.encode(pictures)]
        audio, video = (code + _NOISE * torch.randn(code.shape, generator=dice).to(code) for code in codes)
        mels, pictures = parts.sounds.decode(audio), parts.frames.decode(video)
    curves = torch.from_numpy(np.stack([contact_curve(clip.impacts_s) for clip in clips])).to(device)
    values = numbers_of([clip.scene.combination for clip in clips])
    return JudgeBatch(pictures, mels, curves, {name: value.to(device) for name, value in values.items()})


def train(recipe: JudgeTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best figure (held-out loss, negative). Writes `out/judges.safetensors`.

    `models`: nothing of them is needed. Raises MissingModelError where `model` holds no small TAVDiffusion.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    parts = read_small(recipe.model)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=recipe.devices)
    watch = speaker(fabric, watch)
    parts.to(fabric.device)
    learned, judged = clips_of("train", recipe.clips, watch), clips_of("validation", _JUDGED, watch)
    every = torch.arange(recipe.clips)

    def batch_at(step: int, rank: int, ranks: int) -> JudgeBatch:
        rows = stories_at(every, recipe.batch, recipe.seed, step, rank, ranks).tolist()
        return judge_batch([learned[i] for i in rows], parts if step % 2 else None, fabric.device, step)

    def judge(network: nn.Module) -> dict[str, float]:
        found: list[Losses] = [
            judge_losses(network, judge_batch(judged[i : i + 16], seen_by, fabric.device, i))
            for i in range(0, _JUDGED, 16) for seen_by in (None, parts)
        ]  # fmt: skip
        means = {name: float(torch.stack([each[name] for each in found]).mean()) for name in found[0]}
        return {"fit": -means.pop("loss"), **means}

    task = Task(Judges(), judge_losses, batch_at, judge, "fit", {"seed": recipe.seed, "batch": recipe.batch})
    best = fit(task, recipe.plan(), recipe.out, fabric, watch)
    if fabric.is_global_zero:
        network = Judges()
        network.load_state_dict(last_weights(recipe.out))
        network.save(recipe.out)
    return best
