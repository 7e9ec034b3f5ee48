"""CLAP's words: sentences as points of the space in which CLAP's sounds lie (`clap`).

RoBERTa under the text tower of Wu et al. 2023 (arXiv:2211.06687), through transformers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.texts import each_alone
from storysound.weights.resolver import Resolver

LONGEST = 77  # tokens, as in CLAP's training; more are left out
_VERSION = "1"  # of this file: raised whenever the same text would give other numbers
TRAITS = Traits()


class ClapText:
    """Text encoder: `embedding` [1 d], length 1; d = 512."""

    name = "clap_text"
    modality: Modality = "text"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, tokenizer: Tokenizer, revision: str) -> None:
        """`network`: transformers' ClapTextModelWithProjection."""
        self.revision = revision
        self.dim: int = network.config.projection_dim
        self._network, self._tokenizer = network, tokenizer

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        """One unit vector a text. Raises ValueError for a text without a letter, digit or sign, and for other types."""
        return each_alone(items, self._read)

    def _read(self, text: str) -> Encoding:
        ids = torch.tensor([self._tokenizer.encode(text).ids])
        said = self._network(input_ids=ids, attention_mask=torch.ones_like(ids)).text_embeds
        return Encoding(F.normalize(said, dim=-1).numpy())


def load(weights: Resolver) -> ClapText:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "clap", "ClapTextModelWithProjection")
    tokenizer = hub.tokenizer(weights, "clap", LONGEST)
    return ClapText(network, tokenizer, f"{hub.revision(weights, 'clap')}-{_VERSION}")
