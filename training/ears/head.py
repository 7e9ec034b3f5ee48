"""Train the AudioSet head: a small network on a frozen encoder's embedding that gives the teacher's 521 scores.

    python training/ears/head.py --pooling 0 --target mean --out head.safetensors

Trains on the windows that draw.py wrote and reports, on windows of sources that were held out, the mean average
precision per class against the teacher's scores > 0.5 (classes with at least 10 such windows).
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from training.ears import corpus

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Config:
    """How the head is trained."""

    pooling: tuple[int, ...] = (0,)  # which of the feature poolings it reads: 0 is the encoder's own embedding
    target: str = "mixed"  # of the three patches' scores: "mean", "max" or "mixed" (root of their product)
    hidden: int = 768
    dropout: float = 0.3
    epochs: int = 30
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-2
    noise: float = 0.1  # deviation of the noise on the standardised input
    average: float = 0.999  # of the exponential moving average of the weights


class Head(nn.Module):
    """Standardise, one hidden layer, 521 logits."""

    def __init__(self, mean: Tensor, scale: Tensor, config: Config) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.inner = nn.Linear(len(mean), config.hidden)
        self.outer = nn.Linear(config.hidden, 521)
        nn.init.constant_(self.outer.bias, -5.0)

    def forward(self, x: Tensor) -> Tensor:
        """[n d] -> [n 521] logits."""
        x = (x - self.mean) / self.scale
        if self.training:
            x = x + self.config.noise * torch.randn_like(x)
        return self.outer(functional.dropout(functional.relu(self.inner(x)), self.config.dropout, self.training))


def load(cache: Path, kind: str, config: Config) -> tuple[Tensor, Tensor]:
    """(features [n d], target scores [n 521]) of all shards of a kind."""
    features, scores = [], []
    for file in sorted((cache / "windows").glob(f"{kind}-*.npz")):
        if not file.name.endswith(".part.npz"):
            with np.load(file) as data:
                picked = data["features"][:, list(config.pooling)].astype(np.float32)
                features.append(picked.reshape(len(picked), -1))
                scores.append(targets(data["scores"], config.target))
    return torch.from_numpy(np.concatenate(features)), torch.from_numpy(np.concatenate(scores))


def targets(scores: NDArray[np.uint8], how: str) -> Float:
    """[n patches c] uint8 -> [n c] in [0, 1]."""
    share = scores.astype(np.float32) / 255
    mean, top = share.mean(1), share.max(1)
    return {"mean": mean, "max": top, "mixed": np.sqrt(mean * top)}[how]


def average_precision(truth: NDArray[np.bool_], score: Float) -> float:
    """Area under precision and recall of one class."""
    hits = truth[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def per_class(scores: Float, teacher: Float, least: int = 10) -> dict[int, float]:
    """Average precision of each class that the teacher heard (score > 0.5) in at least `least` windows."""
    heard = teacher > 0.5
    return {int(c): average_precision(heard[:, c], scores[:, c]) for c in np.flatnonzero(heard.sum(0) >= least)}


def fit(x: Tensor, y: Tensor, config: Config, seed: int = 0) -> Head:
    """The head with averaged weights."""
    torch.manual_seed(seed)
    head = Head(x.mean(0), x.std(0) + 0.05, config)
    optimiser = torch.optim.AdamW(head.parameters(), config.rate, weight_decay=config.decay)
    steps = config.epochs * (len(x) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, steps, pct_start=0.1)
    average = {k: v.clone() for k, v in head.state_dict().items()}
    head.train()
    for _ in range(config.epochs):
        for rows in torch.randperm(len(x)).split(config.batch)[: len(x) // config.batch]:
            loss = functional.binary_cross_entropy_with_logits(head(x[rows]), y[rows], reduction="none").sum(1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                for key, value in head.state_dict().items():
                    average[key].lerp_(value, 1 - config.average)
    head.load_state_dict(average)
    return head.eval()


def export(head: Head, target: Path) -> None:
    """Write float16 tensors; the standardisation is folded into the first layer."""
    weight = head.inner.weight / head.scale
    tensors = {
        "inner.weight": weight,
        "inner.bias": head.inner.bias - weight @ head.mean,
        "outer.weight": head.outer.weight,
        "outer.bias": head.outer.bias,
    }
    save_file({k: v.detach().to(torch.float16).contiguous() for k, v in tensors.items()}, target)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=corpus.cache_folder())
    parser.add_argument("--pooling", type=int, nargs="+", default=[0])
    parser.add_argument("--target", default=Config.target)
    parser.add_argument("--hidden", type=int, default=Config.hidden)
    parser.add_argument("--epochs", type=int, default=Config.epochs)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = Config(tuple(options.pooling), options.target, options.hidden, epochs=options.epochs)
    x, y = load(options.cache, "train", config)
    head = fit(x, y, config)
    x_test, y_test = load(options.cache, "test", config)
    with torch.inference_mode():
        found = per_class(torch.sigmoid(head(x_test)).numpy(), y_test.numpy())
    print(
        f"{len(x)} windows; held-out mAP {np.mean(list(found.values())):.3f} over {len(found)} classes, n={len(x_test)}"
    )
    if options.out:
        export(head, options.out)


if __name__ == "__main__":
    main()
