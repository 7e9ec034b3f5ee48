"""`storysound train ears`: a student of a public sound tagger, from shards of its answers.

The shards are drawn by `shipped_weights/ears/draw.py`.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from storysound.encode.ears import TEXT_DIM, Answer, Config, Network, class_names
from storysound.encode.labels import remembered_vectors, text_vectors
from storysound.encode.pool import Models
from storysound.ingest.ear_shards import Patches, Shards, read_shards, shard_files
from storysound.losses import distillation
from storysound.match.names import words
from storysound.metrics.classification import average_precisions
from storysound.progress import Watch, check
from storysound.research.ears.settings import EarsTraining
from storysound.train.loop import Losses, Task, check_agrees, fabric_for, fit

HEARD = 0.5  # probability from which the teacher counts as hearing a class
LEAST = 10  # patches of a class that make its average precision worth a mean
SPEECH, MUSIC = 0, 132  # classes whose recordings are named for what is said or played, not for how it sounds


def name_vectors(names: list[str], embed: Callable[[list[str]], Tensor]) -> Tensor:
    """What names of files say, by `embed`, [n] texts -> [n 384]; zeros for names without a word of three letters."""
    texts = [" ".join(words(Path(name).stem)) for name in names]
    distinct = sorted({text for text in texts if any(len(word) > 2 and word.isascii() for word in text.split())})
    row = {text: number for number, text in enumerate(distinct)}
    vectors = torch.cat([embed(distinct), torch.zeros(1, TEXT_DIM)])
    return vectors[[row.get(text, -1) for text in texts]]


def batch_at(shards: Shards, recipe: EarsTraining, step: int, rank: int, ranks: int) -> Patches:
    """Each epoch is a permutation of all patches, made from seed and number of the epoch."""
    size = recipe.batch * ranks
    per_epoch = max(shards.patches // size, 1)
    order = _order(shards.patches, recipe.seed, step // per_epoch)
    start = (step % per_epoch) * size + rank * recipe.batch
    return shards.at(order[start : start + recipe.batch])


@lru_cache(maxsize=1)
def _order(count: int, seed: int, epoch: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(count))


def losses(network: nn.Module, batch: Patches, *, recipe: EarsTraining, classes: Tensor, spread: Tensor) -> Losses:
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
    """Among the file names [b 384] of the batch, for sounds whose files are named for how they sound.

    `text` [b 384]: where the network puts each; `heard` [b 521]: the teacher's probabilities.
    """
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
        check()
        batch = shards.at(numbers).to(device)
        scores.append(network(batch.log_mel).logits.float().cpu())
        truth.append(batch.logits.cpu().sigmoid() > HEARD)
    found = average_precisions(torch.cat(scores).numpy(), torch.cat(truth).numpy(), least=LEAST)
    return {"mAP": float(np.mean(list(found.values()))) if found else 0.0, "classes": float(len(found))}


def train(recipe: EarsTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the mAP of the best weights, which stand in `out/best.safetensors`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    run = {"batch": recipe.batch, "seed": recipe.seed, "size": recipe.size}
    check_agrees(recipe.out, recipe.plan(), **run)
    for kind in ("train", "test"):
        shard_files(recipe.data, kind)
    watch.plan({"features": 0.05, "training": 0.95})
    text = models.encoder("minilm")

    def embed(texts: list[str]) -> Tensor:
        return torch.from_numpy(remembered_vectors("file-names", texts, text, recipe.out))

    train_set = read_shards(recipe.data, "train", partial(name_vectors, embed=embed))
    test_set = read_shards(recipe.data, "test")
    watch.say(f"{train_set.patches} patches to train on, {len(test_set.log_mel)} windows held out")
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
        {**run, "hidden": config.hidden},
    )
    return fit(task, recipe.plan(), recipe.out, fabric, watch)
