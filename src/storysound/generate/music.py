"""Models that make music from words, behind one small protocol; each is one file of this room."""

from importlib import import_module
from pathlib import Path
from typing import Protocol

import torch

from storysound.errors import UsageError
from storysound.media.audio import Waveform

MODELS = {"musicgen": "musicgen", "stable-audio": "stable_audio"}
"""What users call a model, and its file of this room, which offers `load(folder, device) -> Composer`."""


class Composer(Protocol):
    """A model that makes music from words. The same prompt, length and seed give the same music on one machine."""

    longest_s: float  # that it can make at once

    def compose(self, prompt: str, seconds: float, seed: int) -> Waveform:
        """Music of exactly that length. Raises UsageError for a length it can't make."""
        ...


def load(name: str, folder: Path, device: torch.device) -> Composer:
    """The model called `name` from the folder of its files. Raises MissingModelError where they aren't there."""
    composer: Composer = import_module(f"storysound.generate.{MODELS[name]}").load(folder, device)
    return composer


def check_length(seconds: float, composer: Composer) -> None:
    """Raises UsageError for a length that a model can't make."""
    if not 0 < seconds <= composer.longest_s:
        raise UsageError(f"the model makes up to {composer.longest_s:g} s of music, asked for {seconds:g} s")
