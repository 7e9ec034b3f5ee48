"""Who judges clips of the made world: networks of our own that learned in it, from clips and from their codes.

They say when contacts are seen and when they are heard, whether picture and sound belong together, and what kind,
material, surface and rhythm a clip shows. No judge sees what a generator learned, nor the other way round. Axes: b
clips, f frames, t log-mel frames, u steps of `STEP_S`, d numbers a step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy.optimize import linear_sum_assignment
from scipy.signal import find_peaks
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.errors import MissingModelError
from storysound.generate.video.small import COLUMNS, FORM, FRAMES, RATE_HZ, SECONDS
from storysound.media.arrays import Doubles, Floats
from storysound.research.tavg.world.combinations import CHOICES, FIELDS, KINDS, Combination

STEP_S = SECONDS / FRAMES / 2  # of contacts' curves: 31 ms, half a frame
CURVE = round(SECONDS / STEP_S)
WIDTH_S = 0.025  # deviation of what is to be said about a contact
APART_S = 0.1  # contacts nearer than this are one
WITHIN_S = 0.08  # that a seen and a heard contact may differ
VALUES: dict[str, tuple[str, ...]] = {
    "kind": tuple(KINDS),
    "material": tuple(sorted({value for each in CHOICES.values() for value in each.materials})),
    "surface": tuple(sorted({value for each in CHOICES.values() for value in each.surfaces})),
    "rhythm": tuple(sorted({value for each in CHOICES.values() for value in each.rhythms})),
}
FILE = "judges.safetensors"
SHIPPED = Path(str(files("storysound") / "research" / "tavg" / "small" / "weights"))
_FOLD = 4  # pixels that are folded into channels


class Judged(NamedTuple):
    """What is said of clips."""

    seen: Tensor  # logits of contacts [b u]
    heard: Tensor  # the same [b u]
    features_seen: Tensor  # [b d], for distances between sets of clips
    features_heard: Tensor  # [b d]
    together: Tensor  # logit that picture and sound are of one clip [b]
    apart: Tensor  # the same of each picture and the sound before it in the batch [b]
    shows: dict[str, Tensor]  # logits of values of each of `FIELDS` [b v]


class Judges(nn.Module):
    """Two trunks, of pictures and of sounds, on one clock of `STEP_S`, and heads above them."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        folded = 9 * _FOLD**2  # three frames: the one before, this, the next
        self.eye = nn.Sequential(
            nn.Conv2d(folded, 64, 1), nn.GELU(), nn.Conv2d(64, 96, 3, 2, 1), nn.GELU(),
            nn.Conv2d(96, width, 3, 2, 1), nn.GELU(), nn.Flatten(1), nn.Linear(16 * width, 2 * width),
        )  # fmt: skip
        self.ear = nn.Sequential(
            nn.Conv1d(FORM.bands.n_mels, width, 5, padding=2), nn.GELU(), nn.Conv1d(width, width, 5, padding=2)
        )
        self.over_seen, self.over_heard = _along(width), _along(width)
        self.seen, self.heard = nn.Conv1d(width, 1, 3, padding=1), nn.Conv1d(width, 1, 3, padding=1)
        self.pair = nn.Sequential(nn.Conv1d(2 * width, width, 5, padding=2), nn.GELU(), _along(width))
        self.verdict = nn.Linear(width, 1)
        self.shows = nn.ModuleDict({name: nn.Linear(4 * width, len(values)) for name, values in VALUES.items()})

    def forward(self, frames: Tensor, mels: Tensor) -> Judged:
        """Frames [b f 3 h w] in [-1, 1] and log-mel frames [b t m] of as many clips."""
        seen, heard = self.look(frames), self.listen(mels)
        pooled = [torch.cat([one.mean(2), one.amax(2)], 1) for one in (seen, heard)]
        shows = {name: head(torch.cat(pooled, 1)) for name, head in self.shows.items()}
        together, apart = self.belong(seen, heard), self.belong(seen, heard.roll(1, 0))
        return Judged(self.seen(seen)[:, 0], self.heard(heard)[:, 0], pooled[0], pooled[1], together, apart, shows)

    def look(self, frames: Tensor) -> Tensor:
        """Frames [b f 3 h w] -> [b d u]."""
        around = torch.cat([frames[:, :1], frames, frames[:, -1:]], 1)
        three = torch.cat([around[:, :-2], around[:, 1:-1], around[:, 2:]], 2)
        found = self.eye(F.pixel_unshuffle(three.flatten(0, 1), _FOLD))  # (b f) (2 d)
        halves = torch.unflatten(torch.unflatten(found, 1, (2, -1)), 0, (len(frames), -1))  # b f 2 d
        along: Tensor = self.over_seen(halves.flatten(1, 2).transpose(1, 2))
        return along

    def listen(self, mels: Tensor) -> Tensor:
        """Log-mel frames [b t m] -> [b d u]."""
        fine = self.ear(mels.transpose(1, 2))
        along: Tensor = self.over_heard(F.adaptive_max_pool1d(fine[..., : _columns()], CURVE))
        return along

    def save(self, folder: Path) -> None:
        """Writes `FILE` in half precision."""
        tensors = {name: value.detach().cpu().half().contiguous() for name, value in self.state_dict().items()}
        save_file(tensors, folder / FILE)

    def belong(self, seen: Tensor, heard: Tensor) -> Tensor:
        """Logits [b] that what is seen [b d u] and heard [b d u] is of one clip."""
        verdict: Tensor = self.verdict(self.pair(torch.cat([seen, heard], 1)).mean(2))[:, 0]
        return verdict


def read_judges(folder: Path) -> Judges:
    """The judges of a folder. Raises MissingModelError where there are none, or of another shape."""
    network = Judges()
    try:
        network.load_state_dict({name: value.float() for name, value in load_file(folder / FILE).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        fault = " ".join(str(error).split())[:200]
        raise MissingModelError(f"{folder}: can't be loaded as judges of the made world ({FILE}): {fault}") from error
    return network.eval().requires_grad_(False)


def _columns() -> int:
    """Log-mel frames of the clip alone, without what follows."""
    return min(COLUMNS, round(SECONDS * RATE_HZ / FORM.bands.stft.hop_length))


class _Residual(nn.Module):
    """Adds what a part finds."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """[b d u] -> [b d u]."""
        out: Tensor = x + self.part(x)
        return out


def _along(width: int) -> nn.Sequential:
    """Layers that look along time, farther and farther."""
    return nn.Sequential(*(
        _Residual(nn.Sequential(
            nn.GroupNorm(1, width), nn.GELU(), nn.Conv1d(width, width, 5, padding=2 * wide, dilation=wide)
        ))
        for wide in (1, 2, 4)
    ))  # fmt: skip


def contact_curve(times_s: Sequence[float]) -> Floats:
    """What is to be said of contacts at these times [u]: 1 at each, falling to either side."""
    at = (np.arange(CURVE) + 0.5) * STEP_S
    if not times_s:
        return np.zeros(CURVE, np.float32)
    near = np.exp(-0.5 * ((at[:, None] - np.asarray(times_s)) / WIDTH_S) ** 2)
    return np.asarray(near.max(axis=1), np.float32)


def contacts(logits: Floats, least: float) -> Doubles:
    """Times in seconds [n] of contacts in a curve of logits [u]: peaks of a probability of `least` or more.

    Between steps by a parabola through a peak and its neighbours.
    """
    chance = 1 / (1 + np.exp(-np.pad(logits.astype(np.float64), 1, constant_values=-20.0)))
    peaks, _ = find_peaks(chance, height=least, distance=max(1, round(APART_S / STEP_S)))
    before, here, after = chance[peaks - 1], chance[peaks], chance[peaks + 1]
    curved = before - 2 * here + after
    shift = np.where(curved < -1e-9, 0.5 * (before - after) / np.minimum(curved, -1e-9), 0.0)
    return np.asarray((peaks - 1 + 0.5 + np.clip(shift, -0.5, 0.5)) * STEP_S)


def matched(seen_s: Doubles, heard_s: Doubles) -> int:
    """How many seen contacts [n] are heard [m] within WITHIN_S, each once.

    >>> matched(np.array([0.5, 1.0]), np.array([0.56, 1.2]))
    1
    """
    if not len(seen_s) or not len(heard_s):
        return 0
    near = np.abs(seen_s[:, None] - heard_s) <= WITHIN_S
    rows, columns = linear_sum_assignment(near, maximize=True)
    return int(near[rows, columns].sum())


def numbers_of(combinations: Sequence[Combination]) -> dict[str, Tensor]:
    """Of each field the number of its value [b]."""
    return {name: torch.tensor([VALUES[name].index(getattr(each, name)) for each in combinations]) for name in FIELDS}


def fit_of(shows: dict[str, Tensor], combinations: Sequence[Combination]) -> Tensor:
    """How well clips fit combinations [b]: the sum of log-probabilities of the four fields."""
    wanted = numbers_of(combinations)
    rows = [F.log_softmax(shows[name], 1).gather(1, wanted[name][:, None])[:, 0] for name in FIELDS]
    return torch.stack(rows).sum(0)


@dataclass(frozen=True)
class JudgeBatch:
    """Frames [b f 3 h w], log-mel frames [b t m], curves of contacts [b u], numbers of values of each field [b]."""

    frames: Tensor
    mels: Tensor
    curves: Tensor
    values: dict[str, Tensor]


def judge_losses(network: nn.Module, batch: JudgeBatch) -> dict[str, Tensor]:
    """Cross-entropies of all that is said; a picture and another clip's sound don't belong together."""
    found = network(batch.frames, batch.mels)
    weight = torch.tensor(4.0, device=batch.curves.device)  # contacts are rare
    seen, heard = (
        F.binary_cross_entropy_with_logits(logits, batch.curves, pos_weight=weight)
        for logits in (found.seen, found.heard)
    )
    belong = (F.softplus(-found.together) + F.softplus(found.apart)).mean() / 2
    shows = torch.stack([F.cross_entropy(found.shows[name], batch.values[name]) for name in FIELDS]).mean()
    total = 4 * (seen + heard) + belong + shows
    return {"loss": total, "seen": seen.detach(), "heard": heard.detach(), "belong": belong.detach(),
            "shows": shows.detach()}  # fmt: skip
