"""What boxes are made of what the network gives, against slow oracles; and things found in pictures of them."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from storysound.encode.detectors import nanodet
from storysound.encode.detectors.boxes import Box, in_picture, letterbox, overlaps, strongest_boxes
from storysound.weights.resolver import Resolver

OASIS = Path(os.environ.get("STORYSOUND_TEST_DATA", "../shared/data")) / "oasis" / "images"


def slow_overlap(a: np.ndarray, b: np.ndarray) -> float:
    """By counting the cells of a grid."""
    x, y = np.meshgrid(np.arange(20) + 0.5, np.arange(20) + 0.5)
    inside = [(box[0] <= x) & (x <= box[2]) & (box[1] <= y) & (y <= box[3]) for box in (a, b)]
    return float((inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum())


def boxes_on_a_grid(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 15, (count, 2))
    return np.concatenate([low, low + rng.integers(1, 6, (count, 2))], axis=1).astype(np.float32)


def test_overlaps_are_shares_of_cells() -> None:
    boxes = boxes_on_a_grid(30, 1)
    for box in boxes:
        np.testing.assert_allclose(overlaps(box, boxes), [slow_overlap(box, other) for other in boxes], atol=1e-6)


def test_of_boxes_that_say_the_same_the_best_is_left() -> None:
    boxes = boxes_on_a_grid(40, 2)
    scores = np.random.default_rng(3).permutation(40).astype(np.float32)
    chosen = strongest_boxes(boxes, scores, 0.3).tolist()
    wanted: list[int] = []
    for i in sorted(range(40), key=lambda i: -scores[i]):
        if all(slow_overlap(boxes[i], boxes[j]) <= 0.3 for j in wanted):
            wanted.append(i)
    assert chosen == wanted
    assert strongest_boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5).tolist() == []


def test_boxes_are_shares_of_the_picture_without_what_is_outside() -> None:
    found = in_picture(["a"], np.array([[-5, 10, 50, 60]], np.float32), np.array([0.5], np.float32), (50, 100))
    assert found == [Box("a", 0.5, 0.0, pytest.approx(0.2), 0.5, 1.0)]
    assert letterbox((1, 5000), 416) == (1, 416)


def test_sides_are_the_mean_of_their_distribution() -> None:
    far = np.array([[1, 2, 3, 4], [0, 0, 10, 10], [5, 5, 5, 5], [2, 1, 2, 1]])
    logits = torch.full((4, 4, 11), -50.0)
    for cell, side in np.ndindex(4, 4):
        logits[cell, side, far[cell, side]] = 50.0
    boxes = nanodet.sides(logits.reshape(4, 44), 16)
    for cell, (row, column) in enumerate(np.ndindex(2, 2)):
        x, y = (column + 0.5) * 16, (row + 0.5) * 16
        left, top, right, bottom = far[cell] * 16
        np.testing.assert_allclose(boxes[cell], [x - left, y - top, x + right, y + bottom], atol=1e-4)


def test_pictures_may_have_any_form() -> None:
    detector = nanodet.load(Resolver(offline=True))
    for shape in ((1, 1, 3), (3, 900, 3), (700, 2, 3)):
        assert detector.find([np.zeros(shape, np.uint8)]) == [[]]
    with pytest.raises(ValueError, match="uint8"):
        detector.find([np.zeros((4, 4), np.uint8)])


@pytest.mark.skipif(not OASIS.is_dir(), reason="needs the pictures of OASIS")
@pytest.mark.parametrize(("name", "kind"), [("Cat_6", "cat"), ("Pigeon_2", "bird"), ("Sad_face_5", "person")])
def test_things_are_found_where_they_are(name: str, kind: str) -> None:
    picture = np.asarray(Image.open(OASIS / f"{name}.jpg").convert("RGB"))
    wide = np.pad(picture, [(0, 0), (0, picture.shape[1]), (0, 0)])  # as the left half of a wider one
    alone, half = (found[0] for found in nanodet.load(Resolver(offline=True)).find([picture, wide]))
    assert alone.kind == half.kind == kind
    assert alone.score > 0.6
    np.testing.assert_allclose(
        [half.left * 2, half.top, half.right * 2, half.bottom],
        [alone.left, alone.top, alone.right, alone.bottom],
        atol=0.15,
    )
