"""What ears learn from: patches of sound beside what a public tagger says of them (`shipped_weights/ears/draw.py`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from storysound.encode.ears import CLASSES, MELS, PATCH_FRAMES, TEXT_DIM
from storysound.errors import InputError


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


def shard_files(folder: Path, kind: str) -> list[Path]:
    """The shards "train" or "test", in order. Raises InputError where there are none."""
    files = sorted(folder.glob(f"{kind}-*.safetensors"))
    if not files:
        raise InputError(folder, f"holds no shards {kind}-*.safetensors", "make them with shipped_weights/ears/draw.py")
    return files


def read_shards(folder: Path, kind: str, embed: Callable[[list[str]], Tensor] | None = None) -> Shards:
    """Shards "train" or "test"; names of files are put into text space by `embed`, [n] names -> [n 384].

    Raises InputError where there are none, or one isn't what `shipped_weights/ears/draw.py` writes.
    """
    files = shard_files(folder, kind)
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
    vectors = embed(names) if embed else torch.zeros(len(names), TEXT_DIM)
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
