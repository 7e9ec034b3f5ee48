"""What surrounds: whether a picture shows fire, the sea, a street, snow … that a classifier of things has no class for.

And which ambience fits it: birds, wind, waves, traffic, that nothing in it need be called by. Linear heads on what the
picture encoder makes of a picture. Shipped weights: `encode/weights/scenery.safetensors` and `ambience.safetensors`,
made by `shipped_weights/scenery/fit.py` and `shipped_weights/ambience/fit.py`; the cards beside them say from which
data, and how well they do on what they have not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np
import safetensors.numpy

from storysound.encode import mood
from storysound.encode.encoder import Encoding
from storysound.media.arrays import Floats

EYES = mood.EYES  # encoder that the heads learned to go by
Known = Literal["scenery", "ambience"]  # what heads tell


@dataclass(frozen=True, eq=False)
class SceneryHeads:
    """`weights` [f s] and `bias` [s] of the log-odds of each name."""

    names: tuple[str, ...]
    weights: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        """Features [n f] -> how likely each is shown [n s], in [0, 1]."""
        result: Floats = (1 / (1 + np.exp(-(features @ self.weights + self.bias)))).astype(np.float32)
        return result


def of_pictures(seen: Sequence[Encoding], known: Known = "scenery") -> Mapping[str, Sequence[float]]:
    """How likely each of some pictures, as `EYES` see them, shows what the heads know, or goes with it: by name [n]."""
    heads = shipped(known)
    chances = heads(mood.looks(np.concatenate([picture.embedding for picture in seen])))
    return dict(zip(heads.names, chances.T.tolist(), strict=True))


@cache
def shipped(known: Known) -> SceneryHeads:
    """The heads that ship; weights [f s]."""
    tensors = safetensors.numpy.load((files("storysound") / "encode" / "weights" / f"{known}.safetensors").read_bytes())
    names = tuple(bytes(tensors["names"]).decode().splitlines())
    return SceneryHeads(names, tensors["weights"].astype(np.float32), tensors["bias"])
