"""Label spaces: class names as points of the text space, so that any words can ask for any class.

A query's words are compared with every class name; the softmax of the cosines says how much each class is
meant (`LabelSpace.weights`). The temperature and the bare wording of the names were measured, see docs/RESULTS.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.encode.cache import kept_rows
from storysound.encode.encoder import Encoder, Head

TEMPERATURE = 0.05  # of the softmax over class names; .03 to .08 differ by less than one clip in a hundred


@dataclass(frozen=True, eq=False)
class LabelSpace:
    """The classes of one head of one encoder.

    `labels`: c names as shown to people. `vectors` [c d] float32: their unit vectors in the text space.
    """

    name: str
    labels: tuple[str, ...]
    vectors: NDArray[np.float32]

    def weights(self, query: NDArray[np.float32], temperature: float = TEMPERATURE) -> NDArray[np.float32]:
        """How much each class is meant by each query: [q d] unit vectors -> [q c], rows sum to 1."""
        cosine = query @ self.vectors.T
        return softmax(cosine / temperature)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax over the last axis.

    >>> softmax(np.zeros((1, 4), np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def text_vectors(encoder: Encoder[str], texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of texts: [n d] float32."""
    if not texts:
        return np.zeros((0, encoder.dim), np.float32)
    return np.concatenate([e.embedding for e in encoder.encode(texts)])


def remembered_vectors(
    collection: str, texts: Sequence[str], encoder: Encoder[str], cache: Path | None
) -> NDArray[np.float32]:
    """`text_vectors` that embeds only what it has not seen: a file per collection in the folder `cache`.

    The file is rewritten to hold just the texts asked for, so it can't grow without end.
    """
    if cache is None:
        return text_vectors(encoder, texts)
    file = cache / "texts" / f"{collection}-{encoder.name}-{encoder.revision}.safetensors"
    return kept_rows(file, texts, lambda new: text_vectors(encoder, new)) if texts else text_vectors(encoder, texts)


def label_space(
    name: str,
    labels: Sequence[str],
    wordings: Sequence[Sequence[str]],
    encoder: Encoder[str],
    cache: Path | None,
) -> LabelSpace:
    """The space of a head. `wordings`: for each label the phrases that say what it means; a label lies amid them.

    Raises ValueError where a label has none.
    """
    if len(labels) != len(wordings) or not all(wordings):
        raise ValueError(f"{len(labels)} labels need at least one wording each")
    phrases = list(dict.fromkeys(phrase for wording in wordings for phrase in wording))
    row = dict(zip(phrases, remembered_vectors(f"labels-{name}", phrases, encoder, cache), strict=True))
    mean = np.stack([np.mean([row[phrase] for phrase in wording], axis=0) for wording in wordings])
    return LabelSpace(name, tuple(labels), mean / np.linalg.norm(mean, axis=1, keepdims=True))


def head_space(name: str, labels: Sequence[str], head: Head, encoder: Encoder[str], cache: Path | None) -> LabelSpace:
    """`label_space` with the labels worded as their head says."""
    return label_space(name, labels, [head.wording(label) for label in labels], encoder, cache)
