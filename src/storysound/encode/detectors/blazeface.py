"""BlazeFace: faces in a picture, and where they are.

Bazarevsky et al. 2019 (arXiv:1907.05047), the form for distant faces: 256 x 256 pixels, 896 anchors: two for each of
16 x 16 cells, six for each of 8 x 8. Of each the offset of a box's middle from the middle of the cell, its width and
its height, in pixels, then six points of the face, which nobody asks for here.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from storysound.encode.detectors.boxes import Box, in_picture, letterbox, strongest_boxes
from storysound.encode.pictures import each_alone
from storysound.media.arrays import Floats, Pixels
from storysound.nn.frozen_graph import FrozenGraph, read_nodes
from storysound.weights.resolver import Resolver

SIDE_PX = 256
GRIDS = ((16, 2), (8, 6))  # cells a side, and anchors in each
LEAST = 0.5
_OVERLAP = 0.3
_OUTPUTS = ("Identity", "Identity_1", "Identity_2", "Identity_3")  # scores of both grids, then boxes of both
FACE = "face"


class BlazeFace:
    """Faces in pictures."""

    name = "blazeface"

    def __init__(self, graph: FrozenGraph, revision: str) -> None:
        """`graph` gives logits [1 n 1] of both grids, then boxes [1 n 16]."""
        self.revision = revision
        self._graph = graph.eval()

    def find(self, pictures: Sequence[Pixels]) -> list[list[Box]]:
        """Faces in each picture, the surest first. Raises ValueError for anything but non-empty uint8 [h w 3]."""
        return each_alone(pictures, self._found)

    def _found(self, picture: Pixels) -> list[Box]:
        """In a picture uint8 [h w 3]."""
        square, filled = prepare(picture)
        fine_logits, coarse_logits, *grids = (grid[0] for grid in self._graph(square))
        fine, coarse = sorted(grids, key=len, reverse=True)
        scores = torch.cat([fine_logits, coarse_logits])[:, 0].sigmoid().numpy()
        boxes = corners(torch.cat([fine, coarse])[:, :4].numpy())
        likely = np.flatnonzero(scores >= LEAST)
        best = likely[strongest_boxes(boxes[likely], scores[likely], _OVERLAP)]
        return in_picture([FACE] * len(best), boxes[best], scores[best], filled)


def prepare(picture: Pixels) -> tuple[Tensor, tuple[int, int]]:
    """[h w 3] uint8 -> [1 256 256 3] in [-1, 1] with the picture at its left top, and the rows and columns it fills."""
    high, wide = letterbox((picture.shape[0], picture.shape[1]), SIDE_PX)
    small = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.BILINEAR), np.float32)
    square = np.full((SIDE_PX, SIDE_PX, 3), -1, np.float32)
    square[:high, :wide] = small / 127.5 - 1
    return torch.from_numpy(square)[None], (high, wide)


def corners(boxes: Floats) -> Floats:
    """Middle, width and height of all anchors' boxes [896 4] -> left, top, right, bottom [896 4], in pixels."""
    middles = []
    for cells, anchors in GRIDS:
        rows, columns = np.divmod(np.arange(cells * cells), cells)
        middles.append(np.repeat((np.stack([columns, rows], axis=1) + 0.5) * (SIDE_PX / cells), anchors, axis=0))
    middle = boxes[:, :2] + np.concatenate(middles).astype(np.float32)
    half = boxes[:, 2:] / 2
    result: Floats = np.concatenate([middle - half, middle + half], axis=1).astype(np.float32)
    return result


def load(weights: Resolver) -> BlazeFace:
    """Raises MissingModelError where its weights can't be had."""
    nodes = read_nodes(weights.path("blazeface.json"))
    return BlazeFace(FrozenGraph(nodes, weights.tensors("blazeface"), _OUTPUTS), weights.revision("blazeface"))
