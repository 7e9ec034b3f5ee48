"""I3D: its size, its padding against slow windows, and what a block of it adds up to."""

import numpy as np
import pytest
import torch

from rounding import assert_alike
from storysound.nn.i3d import CLASSES, I3D, SIDE, same


def test_its_weights_are_as_many_as_the_papers() -> None:
    """12.3 M, half of the 25 M of both streams (Carreira and Zisserman, table 1), and 400 classes of 1024 numbers."""
    with torch.device("meta"):
        network = I3D()
    count = sum(weight.numel() for weight in network.parameters())
    assert count - (1024 * CLASSES + CLASSES) == pytest.approx(12.3e6, rel=0.01)
    names = set(network.state_dict())
    assert {"Conv3d_1a_7x7.conv3d.weight", "Mixed_4f.b2b.bn.running_var", "logits.conv3d.bias"} <= names
    assert network.get_submodule("Mixed_5c.b1b.conv3d").weight.shape == (384, 192, 3, 3, 3)  # type: ignore[union-attr]


WINDOWS = [(8, 3, 1), (8, 3, 2), (7, 3, 2), (9, 2, 2), (5, 7, 2), (4, 1, 1)]


@pytest.mark.parametrize(("length", "size", "stride"), WINDOWS)
def test_windows_give_a_value_for_every_stride(length: int, size: int, stride: int) -> None:
    """As TensorFlow's "same": ceil(length / stride) of them, and one zero more behind than before where it is odd."""
    x = torch.ones(1, 1, length, length, length)
    padded = same(x, (size,) * 3, (stride,) * 3)
    wanted = -(-length // stride)
    assert (padded.shape[2] - size) // stride + 1 == wanted
    missing = max((wanted - 1) * stride + size - length, 0)
    line = padded[0, 0, :, padded.shape[3] // 2, padded.shape[4] // 2]
    assert line.tolist() == [0.0] * (missing // 2) + [1.0] * length + [0.0] * (missing - missing // 2)


def test_a_block_is_its_four_ways_by_hand() -> None:
    torch.manual_seed(0)
    block = I3D(3).get_submodule("Mixed_3b").eval()
    x = torch.rand(1, 192, 2, 3, 3)
    with torch.no_grad():
        found = block(x)
        ways = []
        for names in (("b0",), ("b1a", "b1b"), ("b2a", "b2b"), ("b3b",)):
            y = x
            if names == ("b3b",):  # the greatest of the neighbours
                wide = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1), (1, 1)))
                y = torch.tensor(np.max([
                    wide[:, :, i : i + 2, j : j + 3, k : k + 3] for i in range(3) for j in range(3) for k in range(3)
                ], axis=0))  # fmt: skip
            for name in names:
                unit = block.get_submodule(name)
                y = torch.nn.functional.conv3d(y, unit.conv3d.weight, padding=unit.size // 2)  # type: ignore[union-attr, operator, arg-type]
                y = torch.relu(y / (1 + 1e-3) ** 0.5)  # untaught normalisation
            ways.append(y)
    assert found.shape == (1, 256, 2, 3, 3)
    assert_alike(found, torch.cat(ways, dim=1))


def test_clips_of_the_papers_size_become_logits_and_less_is_refused() -> None:
    torch.manual_seed(0)
    network = I3D(5).eval()
    with torch.no_grad():
        assert network(torch.rand(1, 3, 16, SIDE, SIDE)).shape == (1, 5)
    for shape in ((1, 3, 8, SIDE, SIDE), (1, 3, 16, SIDE, SIDE - 1)):
        with pytest.raises(ValueError, match="needs 9 frames"):
            network(torch.zeros(shape))
