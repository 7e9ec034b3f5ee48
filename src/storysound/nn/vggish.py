"""VGGish (Hershey et al. 2017, arXiv:1609.09430): VGG's configuration A on spectrograms, to 128 numbers.

As it was published with AudioSet, it lacks VGG's last group of convolutions, and four poolings are left. Parts are
named as in the weights that went from Google's to PyTorch (`vggish-10086976.pth`), so that these can be read. Axes: b
patches, t frames, m mel bands, c channels.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

FRAMES, BANDS = 96, 64  # of a patch
POOLED = 16  # frames, and bands, that become one
WIDTHS, HIDDEN, DIM = (64, 128, 256, 256, 512, 512), 4096, 128
_POOLED_AFTER = frozenset({0, 1, 3, 5})  # convolutions, by number


class Vggish(nn.Module):
    """Log-mel patches [b 96 64] -> [b 128], none of them negative: the last layer ends in a ReLU too."""

    def __init__(self, widths: Sequence[int] = WIDTHS, hidden: int = HIDDEN, dim: int = DIM) -> None:
        """Channels of the six convolutions, and the widths of the layers behind them."""
        super().__init__()
        layers: list[nn.Module] = []
        for number, (into, out) in enumerate(pairwise((1, *widths))):
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] * (number in _POOLED_AFTER)
        self.features = nn.Sequential(*layers)
        sizes = (widths[-1] * (FRAMES // POOLED) * (BANDS // POOLED), hidden, hidden, dim)
        dense = [[nn.Linear(into, out), nn.ReLU()] for into, out in pairwise(sizes)]
        self.embeddings = nn.Sequential(*(layer for pair in dense for layer in pair))

    def forward(self, log_mel: Tensor) -> Tensor:
        """[b 96 64] -> [b 128]."""
        maps = self.features(log_mel[:, None])  # [b c t m]
        found: Tensor = self.embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # channels last, as TensorFlow has them
        return found


def vggish_of(weights: Mapping[str, Tensor]) -> Vggish:
    """The network of named weights, sizes and all; what belongs to the whitening of its answers is left out.

    Raises KeyError and RuntimeError for other names and shapes.
    """
    own = {name: value for name, value in weights.items() if not name.startswith("pproc.")}
    kernels = [value for name, value in own.items() if name.startswith("features.") and value.ndim == 4]
    hidden, dim = len(own["embeddings.0.bias"]), len(own["embeddings.4.bias"])
    with torch.device("meta"):
        network = Vggish([len(kernel) for kernel in kernels], hidden, dim)
    network.load_state_dict(own, assign=True)
    return network.eval().requires_grad_(False)
