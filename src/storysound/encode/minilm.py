"""MiniLM: sentences to 384 numbers whose cosine says how near they are in meaning.

all-MiniLM-L6-v2 (ONNX; weights of int8, computed with as float32). Token states are averaged and scaled to
length 1, as its authors do (Reimers and Gurevych 2019, arXiv:1908.10084).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.texts import each_alone
from storysound.progress import unless_stopped
from storysound.weights.resolver import Resolver

MAX_TOKENS = 256  # word pieces the model was made for, [CLS] and [SEP] among them
# Hidden states in the graph of this export, from the embeddings to the last block but one; then its output.
_HIDDEN = ("layer_norm", *(f"layer_norm_{2 * block}" for block in range(1, 6)))
_OUTPUTS = (*_HIDDEN, "last_hidden_state")
_GRAPH, _OUTPUT, _NAME = 7, 12, 1  # field numbers of ONNX's ModelProto, GraphProto and ValueInfoProto
_VERSION = "1"  # of this file: raised whenever the same text would give other numbers
TRAITS = Traits()


class MiniLM:
    """Text encoder: `embedding` [1 384], length 1; `layers` [7 384], means over all tokens; no scores.

    A text longer than 254 word pieces is read in stretches of that length, weighted by their tokens.
    """

    name = "minilm"
    modality: Modality = "text"
    traits = TRAITS
    dim = 384
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, model: Path, tokenizer: Path, revision: str) -> None:
        """Loads the ONNX model and the tokenizer.json."""
        self.revision = revision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # a sentence is too small to share between cores
        self._session: Any = onnxruntime.InferenceSession(
            with_outputs(model.read_bytes(), _HIDDEN), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._first, self._last = (self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        """One unit vector a text. Raises ValueError for a text without a letter, digit or sign, and for other types."""
        return each_alone(items, self._read)

    def _read(self, text: str) -> Encoding:
        tokens = self._tokenizer.encode(text, add_special_tokens=False).ids
        room = MAX_TOKENS - 2
        total, count = np.zeros((len(_OUTPUTS), self.dim), np.float64), 0
        # One by one: padding would have a text's last bits hang on its neighbours.
        for start in unless_stopped(range(0, max(1, len(tokens)), room)):
            ids = np.array([[self._first, *tokens[start : start + room], self._last]], np.int64)
            feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            total += [states[0].sum(axis=0, dtype=np.float64) for states in self._session.run(_OUTPUTS, feeds)]
            count += ids.size
        unit = (total[-1] / np.linalg.norm(total[-1]))[None].astype(np.float32)
        return Encoding(unit, layers=(total / count).astype(np.float32))


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """An ONNX model that gives out more of its values: they are appended to the list of its graph's outputs.

    A message of the wire format that comes twice is merged, so that nothing before it needs to be read.
    """
    outputs = b"".join(_field(_OUTPUT, _field(_NAME, name.encode())) for name in names)
    return model + _field(_GRAPH, outputs)


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field of protobuf's wire format."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)


def load(weights: Resolver) -> MiniLM:
    """The encoder. Raises MissingModelError where its weights can't be had."""
    revision = f"{weights.revision('minilm')}-{_VERSION}"
    return MiniLM(weights.path("minilm"), weights.path("minilm.tokenizer"), revision)
