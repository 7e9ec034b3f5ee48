"""What text encoders do to a text before they read it."""

import re
from collections.abc import Callable, Sequence

import torch

from storysound.encode.encoder import Encoding
from storysound.progress import unless_stopped


@torch.inference_mode()
def each_alone(texts: Sequence[str], read: Callable[[str], Encoding]) -> list[Encoding]:
    """One encoding a text, each read alone so that none depends on its neighbours; equal texts are read once.

    Halves of a surrogate pair, which tokenizers refuse, are replaced. Raises ValueError for a text without a letter,
    digit or sign, and for other types; Cancelled.
    """
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"a text encoder reads str, got {type(text).__name__}")
        if not re.search(r"\S", text):
            raise ValueError("a text encoder can't read an empty text")
    known: dict[str, Encoding] = {}
    for text in unless_stopped(texts):
        if text not in known:
            known[text] = read(text.encode("utf-8", "replace").decode())
    return [known[text] for text in texts]
