"""RoBERTa: a text as all layers of a language model see it, through transformers.

RoBERTa-base of Liu et al. 2019 (arXiv:1907.11692).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.texts import each_alone
from storysound.weights.resolver import Resolver

_VERSION = "1"  # of this file: raised whenever the same text would give other numbers
TRAITS = Traits()


class Roberta:
    """Text encoder: `embedding` [1 d], the mean of the last layer's `tokens` [1 n d], and `layers` [1 + blocks, d].

    d = 768 and 12 blocks for RoBERTa-base. A text longer than 512 tokens is read up to there.
    """

    name = "roberta"
    modality: Modality = "text"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, tokenizer: Tokenizer, revision: str) -> None:
        """`network`: transformers' RobertaModel."""
        self.revision = revision
        self.dim: int = network.config.hidden_size
        self._network, self._tokenizer = network, tokenizer

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        """One encoding a text. Raises ValueError for a text without a letter, digit or sign, and for other types."""
        return each_alone(items, self._read)

    def _read(self, text: str) -> Encoding:
        ids = torch.tensor([self._tokenizer.encode(text).ids])
        states = self._network(input_ids=ids, output_hidden_states=True).hidden_states
        layers = torch.stack(states)[:, 0].mean(dim=1).numpy()
        return Encoding(layers[-1:], tokens=states[-1].numpy(), layers=layers)


def load(weights: Resolver) -> Roberta:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "roberta", "RobertaModel", add_pooling_layer=False)
    positions = network.config.max_position_embeddings - network.config.pad_token_id - 1  # the first count from padding
    tokenizer = hub.tokenizer(weights, "roberta", positions)
    return Roberta(network, tokenizer, f"{hub.revision(weights, 'roberta')}-{_VERSION}")
