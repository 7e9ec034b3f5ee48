"""NanoDet-g: things of the 80 kinds of COCO in a picture, and where they are.

A one-stage detector without anchors (https://github.com/RangiLyu/nanodet, version 0.3): a score for each kind in each
cell of three grids, and the four distances to the sides of a box as distributions over 0 to 10 strides (Li et al. 2020,
"Generalized Focal Loss", arXiv:2006.04388, section 3.2). 416 x 416 pixels; 22.9 mAP on COCO by its authors.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from storysound.encode.detectors.boxes import Box, in_picture, letterbox, strongest_boxes
from storysound.encode.pictures import each_alone
from storysound.media.arrays import Floats, Pixels
from storysound.nn.frozen_graph import FrozenGraph, read_nodes
from storysound.weights.resolver import Resolver

SIDE_PX = 416
STRIDES = (8, 16, 32)
FAR = 10  # strides: the farthest a side can be from its cell
LEAST = 0.2  # scores below are noise
_OVERLAP = 0.6
_OUTPUTS = ("Identity", "Identity_1", "Identity_2", "Identity_3", "Identity_4", "Identity_5")
# Blue, green, red: as the pictures came that it learned from.
_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_DEVIATION = np.array([57.375, 57.12, 58.395], np.float32)


@cache
def kinds() -> tuple[str, ...]:
    """Names of what it can find, in its own order."""
    return tuple((files("storysound.encode.detectors") / "coco.txt").read_text("utf-8").split("\n")[:-1])


class NanoDet:
    """Things in pictures."""

    name = "nanodet"

    def __init__(self, graph: FrozenGraph, revision: str) -> None:
        """`graph` gives scores [1 n 80] and sides [1 n 44] for the three grids, the finest first."""
        self.revision = revision
        self._graph = graph.eval()

    def find(self, pictures: Sequence[Pixels]) -> list[list[Box]]:
        """Things in each picture, the surest first. Raises ValueError for anything but non-empty uint8 [h w 3]."""
        return each_alone(pictures, self._found)

    def _found(self, picture: Pixels) -> list[Box]:
        """In a picture uint8 [h w 3]."""
        square, filled = prepare(picture)
        grids = self._graph(square)
        scores = torch.cat(grids[:3], dim=1)[0].numpy()
        boxes = np.concatenate([sides(grid[0], stride) for grid, stride in zip(grids[3:], STRIDES, strict=True)])
        found: list[Box] = []
        for number in np.flatnonzero(scores.max(axis=0) >= LEAST).tolist():
            own = np.flatnonzero(scores[:, number] >= LEAST)
            best = own[strongest_boxes(boxes[own], scores[own, number], _OVERLAP)]
            found += in_picture([kinds()[number]] * len(best), boxes[best], scores[best, number], filled)
        return sorted(found, key=lambda box: -box.score)


def prepare(picture: Pixels) -> tuple[Tensor, tuple[int, int]]:
    """[h w 3] uint8 -> [1 3 416 416] with the picture at its left top, and how many rows and columns it fills."""
    high, wide = letterbox((picture.shape[0], picture.shape[1]), SIDE_PX)
    small = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.BILINEAR), np.float32)
    square = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    square[:high, :wide] = (small[:, :, ::-1] - _MEAN) / _DEVIATION
    return torch.from_numpy(square).permute(2, 0, 1)[None], (high, wide)


def sides(distributions: Tensor, stride: int) -> Floats:
    """Boxes [n 4] (left, top, right, bottom) in pixels, of the cells of a square grid row by row.

    `distributions` [n 4(FAR+1)]: log-probabilities, up to a constant, of how many strides each side is away.
    """
    shares = distributions.reshape(-1, 4, FAR + 1).softmax(dim=-1)
    far = (shares @ torch.arange(FAR + 1.0)).numpy() * stride
    wide = round(len(far) ** 0.5)
    rows, columns = np.divmod(np.arange(len(far)), wide)
    x, y = (columns + 0.5) * stride, (rows + 0.5) * stride
    result: Floats = np.stack([x - far[:, 0], y - far[:, 1], x + far[:, 2], y + far[:, 3]], axis=1).astype(np.float32)
    return result


def load(weights: Resolver) -> NanoDet:
    """Raises MissingModelError where its weights can't be had."""
    nodes = read_nodes(weights.path("nanodet.json"))
    return NanoDet(FrozenGraph(nodes, weights.tensors("nanodet"), _OUTPUTS), weights.revision("nanodet"))
