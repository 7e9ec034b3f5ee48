"""`storysound train ears`: a student of a public sound tagger, from shards of its answers.

The shards are drawn by `shipped_weights/ears/draw.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from storysound.encode import minilm
from storysound.encode.ears import CLASSES, MELS, PATCH_FRAMES, TEXT_DIM, Answer, Config, Network, class_names
from storysound.encode.labels import remembered_vectors, text_vectors
from storysound.errors import InputError
from storysound.losses import distillation
from storysound.match.names import words
from storysound.metrics.classification import average_precisions
from storysound.train.loop import Losses, Plan, Task, Tell, fabric_for, fit
from storysound.weights.resolver import Resolver

HEARD = 0.5  # probability from which the teacher counts as hearing a class
LEAST = 10  # patches of a class that make its average precision worth a mean
SPEECH, MUSIC = 0, 132  # classes whose recordings are named for what is said or played, not for how it sounds


@dataclass(frozen=True)
class Recipe:
    """Settings of the training; each can be given as key=value."""

    data: Path  # folder of shards: train-*.safetensors, test-*.safetensors, and clips-*.txt, what they are made of
    out: Path  # folder of the run; what stands there is gone on with
    steps: int = 60_000
    batch: int = 48  # patches a step and device
    rate: float = 3e-3
    warmup: int = 200
    decay_share: float = 0.3
    weight_decay: float = 0.02
    ema: float = 0.999
    hint: float = 100.0  # weight of the teacher's last hidden layer
    text: float = 1.0  # weight of the choice among the classes' names
    names: float = 0.2  # weight of the choice among the file names of the batch
    temperature: float = 0.05  # of both choices
    size: str = "full"  # "full", or "tiny" to try the recipe
    precision: str = "auto"  # as Lightning Fabric names them; "auto": bfloat16 where the hardware has it
    seed: int = 0
    threads: int = 0  # of the processor; 0: torch's own choice
    evaluate_every: int = 2000
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        if self.size not in {"full", "tiny"}:
            raise ValueError(f"size must be full or tiny, got {self.size!r}")
        if self.batch < 1 or min(self.hint, self.text, self.names) < 0 or self.temperature <= 0:
            raise ValueError("needs batch >= 1, temperature > 0 and weights that are not negative")

    def plan(self) -> Plan:
        """The part that the loop needs."""
        return Plan(
            self.steps, self.rate, self.warmup, self.decay_share, self.weight_decay, ema=self.ema,
            evaluate_every=self.evaluate_every, save_every_s=self.save_every_s,
        )  # fmt: skip


@dataclass(frozen=True)
class Patches:
    """A batch: `log_mel` [b 96 64], the teacher's `logits` [b 521] and `hidden` [b h], file `names` [b 384] or 0."""

    log_mel: Tensor
    logits: Tensor
    hidden: Tensor
    names: Tensor

    def to(self, device: torch.device) -> "Patches":
        """The same on a device."""
        return Patches(*(t.to(device) for t in (self.log_mel, self.logits, self.hidden, self.names)))


@dataclass(frozen=True)
class Shards:
    """All shards of one kind, in memory as they stand on disk.

    `log_mel` uint8 [n f 64]; `logits` int8 [n p 521] and `hidden` uint8 [n p h] of p patches a window; `clip` int64
    [n], the louder of the clips in a window; `names` [clips 384] their file names in text space, 0 where there are no
    words; `scale`: what the integers mean.
    """

    log_mel: Tensor
    logits: Tensor
    hidden: Tensor
    clip: Tensor
    names: Tensor
    scale: Mapping[str, float]

    @property
    def patches(self) -> int:
        """Patches in all."""
        return self.logits.shape[0] * self.logits.shape[1]

    def at(self, numbers: Tensor) -> Patches:
        """The patches of these numbers [b], each in 0..patches - 1."""
        each = self.logits.shape[1]
        window, patch = numbers // each, numbers % each
        hop = (self.log_mel.shape[1] - PATCH_FRAMES) // max(each - 1, 1)
        frames = (patch * hop)[:, None] + torch.arange(PATCH_FRAMES)
        scale = self.scale
        return Patches(
            self.log_mel[window[:, None], frames].float() * scale["log_mel_step"] + scale["log_mel_zero"],
            (self.logits[window, patch].float() - scale["logit_zero"]) * scale["logit_step"],
            self.hidden[window, patch].float() * scale["hidden_step"],
            self.names[self.clip[window]],
        )


def read_shards(folder: Path, kind: str, embed: Callable[[list[str]], Tensor] | None = None) -> Shards:
    """Shards "train" or "test"; file names are put into text space by `embed`, [n] texts -> [n 384].

    Raises InputError where there are none, or one isn't what `shipped_weights/ears/draw.py` writes.
    """
    files = sorted(folder.glob(f"{kind}-*.safetensors"))
    if not files:
        raise InputError(folder, f"holds no shards {kind}-*.safetensors", "make them with shipped_weights/ears/draw.py")
    whole: dict[str, Tensor] = {}
    names: list[str] = []
    first: dict[str, int] = {}  # line of `names` at which a list of clips begins
    at = 0
    for file in files:
        part = _shard(file)
        key = file.stem.rsplit("-", 1)[0]
        if key not in first:
            first[key] = len(names)
            names += (folder / f"clips-{key}.txt").read_text("utf-8").split("\n")
        part["clip"] = part.pop("clips")[:, 0].long() + first[key]
        scale = part.pop("scale").tolist()
        count = len(part["clip"])
        if not whole:  # made at once for all shards, which are as long as the first or shorter: memory for one copy
            whole = {name: value.new_empty(len(files) * count, *value.shape[1:]) for name, value in part.items()}
        for name, value in part.items():
            whole[name][at : at + count] = value
        at += count
    texts = [" ".join(words(Path(line).stem)) for line in names]
    vectors = _vectors(texts, embed) if embed else torch.zeros(len(texts), TEXT_DIM)
    shown = {name: value[:at] for name, value in whole.items()}
    return Shards(**shown, names=vectors, scale=dict(zip(_SCALE, scale, strict=True)))


_SCALE = ("log_mel_step", "log_mel_zero", "logit_step", "logit_zero", "hidden_step")


def _shard(file: Path) -> dict[str, Tensor]:
    part = load_file(file)
    if {"log_mel", "logits", "embedding", "clips", "scale"} - part.keys():
        raise InputError(file, "is no shard of training patches", "make it with shipped_weights/ears/draw.py")
    if part["log_mel"].shape[2] != MELS.n_mels or part["logits"].shape[2] != CLASSES:
        raise InputError(
            file, f"needs {MELS.n_mels} bands and {CLASSES} classes", "make it with shipped_weights/ears/draw.py"
        )
    part["hidden"] = part.pop("embedding")
    return part


def _vectors(texts: list[str], embed: Callable[[list[str]], Tensor]) -> Tensor:
    """[len(texts) 384]; zeros for texts without a word of three letters."""
    distinct = sorted({text for text in texts if any(len(word) > 2 and word.isascii() for word in text.split())})
    row = {text: number for number, text in enumerate(distinct)}
    vectors = torch.cat([embed(distinct), torch.zeros(1, TEXT_DIM)])
    return vectors[[row.get(text, -1) for text in texts]]


def batch_at(shards: Shards, recipe: Recipe, step: int, rank: int, ranks: int) -> Patches:
    """Each epoch is a permutation of all patches, made from seed and number of the epoch."""
    size = recipe.batch * ranks
    per_epoch = max(shards.patches // size, 1)
    order = _order(shards.patches, recipe.seed, step // per_epoch)
    start = (step % per_epoch) * size + rank * recipe.batch
    return shards.at(order[start : start + recipe.batch])


@lru_cache(maxsize=1)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(count))


def losses(network: nn.Module, batch: Patches, *, recipe: Recipe, classes: Tensor, spread: Tensor) -> Losses:
    """Soft labels, hint, and two choices of text: among the classes' names [521 384], and among the batch's files."""
    answer: Answer = network(batch.log_mel)
    heard = batch.logits.sigmoid()
    found = {
        "labels": distillation.soft_labels(answer.logits.float(), batch.logits),
        "hint": distillation.hint(answer.hidden.float(), batch.hidden, spread),
        "text": distillation.soft_choice(answer.text.float() @ classes.T, heard + 1e-6, recipe.temperature),
        "names": _choice_of_names(answer.text.float(), batch.names, heard, recipe.temperature),
    }
    total = found["labels"] + recipe.hint * found["hint"] + recipe.text * found["text"] + recipe.names * found["names"]
    return {"loss": total, **{key: value.detach() for key, value in found.items()}}


def _choice_of_names(text: Tensor, names: Tensor, heard: Tensor, temperature: float) -> Tensor:
    """Among the file names of the batch, for sounds whose files are named for how they sound."""
    telling = (names.abs().sum(1) > 0) & (heard[:, SPEECH] < HEARD) & (heard[:, MUSIC] < HEARD)
    if telling.sum() < 2:
        return text.sum() * 0
    names = names[telling]
    same = (names @ names.T > 0.999).float()  # two sounds of one name are both right
    return distillation.soft_choice(text[telling] @ names.T, same, temperature)


def evaluate(network: nn.Module, shards: Shards) -> dict[str, float]:
    """Mean average precision per class against what the teacher hears, over each window's first patch."""
    each = shards.logits.shape[1]
    device = next(network.parameters()).device
    scores, truth = [], []
    for numbers in torch.split(torch.arange(0, shards.patches, each), 256):
        batch = shards.at(numbers).to(device)
        scores.append(network(batch.log_mel).logits.float().cpu())
        truth.append(batch.logits.cpu().sigmoid() > HEARD)
    found = average_precisions(torch.cat(scores).numpy(), torch.cat(truth).numpy(), least=LEAST)
    return {"mAP": float(np.mean(list(found.values()))) if found else 0.0, "classes": float(len(found))}


def train(recipe: Recipe, weights: Resolver, tell: Tell) -> float:
    """Runs the recipe, or goes on with it; the mAP of the best weights, which stand in `out/best.safetensors`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    text = minilm.load(weights)

    def embed(texts: list[str]) -> Tensor:
        return torch.from_numpy(remembered_vectors("file-names", texts, text, recipe.out))

    train_set, test_set = read_shards(recipe.data, "train", embed), read_shards(recipe.data, "test")
    tell(f"{train_set.patches} patches to train on, {len(test_set.log_mel)} windows held out")
    sample = train_set.hidden[:2000].float().flatten(0, 1) * train_set.scale["hidden_step"]
    classes = torch.from_numpy(text_vectors(text, class_names()))
    config = Config.tiny() if recipe.size == "tiny" else Config()
    config = Config(config.widths, sample.shape[1])  # a hint needs a layer as wide as the teacher's
    fabric = fabric_for(recipe.out, precision=recipe.precision)
    spread, classes = (sample.std(dim=0) + 0.02).to(fabric.device), classes.to(fabric.device)
    task = Task(
        Network(config).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        partial(losses, recipe=recipe, classes=classes, spread=spread),
        lambda step, rank, ranks: batch_at(train_set, recipe, step, rank, ranks).to(fabric.device),
        lambda network: evaluate(network, test_set),
        "mAP",
        {"batch": recipe.batch, "seed": recipe.seed, "size": recipe.size, "hidden": config.hidden},
    )
    return fit(task, recipe.plan(), recipe.out, fabric, tell)
