"""The teacher: a 521-class AudioSet tagger in TensorFlow Lite form; its front end is the student's (`encode/ears.py`).

Its file is named on the command line; it is in no package registry and is not part of Storysound. Runs with the package
`ai-edge-litert` (Apache-2.0), which only these scripts need.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CLASSES, EMBEDDING = 521, 1024
LOWEST, STEP = -7.0, 0.05  # log-mel value of 0 and step of its coarse form; ln 0.001 = -6.9
HIDDEN_STEP = 0.023313090205192566  # of the teacher's int8 hidden layer, pooled
LOGIT_STEP, LOGIT_ZERO = 0.3081279695034027, 100  # of the teacher's int8 logits


class Teacher:
    """Answers for log-mel patches of 16-kHz mono audio."""

    def __init__(self, model: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

        self._net = Interpreter(str(model), num_threads=1, experimental_preserve_all_tensors=True)
        self._net.allocate_tensors()
        self._in = self._net.get_input_details()[0]["index"]
        self._out = self._net.get_output_details()[0]["index"]
        by_shape = {(tuple(t["shape"]), t["dtype"]): t["index"] for t in self._net.get_tensor_details()[:-2]}
        self._logits = by_shape[(1, CLASSES), np.int8]
        self._embedding = by_shape[(1, 1, 1, EMBEDDING), np.int8]

    def answer(self, patch: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """(logits int8 [521], embedding uint8 [1024]) of a patch [96 64] as they stand in the int8 network."""
        self._net.set_tensor(self._in, patch[None])
        self._net.invoke()
        embedding = self._net.get_tensor(self._embedding).reshape(-1).astype(np.int16) + 128
        return self._net.get_tensor(self._logits)[0], embedding.astype(np.uint8)

    def probabilities(self, patch: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [521] in [0, 1] of a patch [96 64]."""
        self._net.set_tensor(self._in, patch[None])
        self._net.invoke()
        return self._net.get_tensor(self._out)[0].copy()


def coarse(log_mel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """In steps of 0.05, about what the teacher's own int8 input keeps."""
    return np.clip(np.round((log_mel - LOWEST) / STEP), 0, 255).astype(np.uint8)
