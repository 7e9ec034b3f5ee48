"""What a frozen encoder says of training windows: aiSFX's convolutions, pooled in three ways."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from storysound.media.spectrogram import Stft, mel_filterbank, power
from storysound.weights import Resolver

FRAMES, HOP, N_FFT, BANDS = 100, 1024, 2048, 96
SAMPLES = FRAMES * HOP  # one block: 2.32 s at 44.1 kHz
TOP = 9.457798957824707  # the largest log mel its authors saw: their scale to [0, 1]


class Body(nn.Module):
    """The four double-convolution blocks, batch norms folded in, bfloat16: [b 100 96] -> [b 512 12 12]."""

    def __init__(self, tensors: dict[str, NDArray[np.float32]]) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        for block in range(1, 5):
            for half in (1, 2):
                stem = f"embedding_net.conv_block{block}."
                weight = torch.from_numpy(tensors[f"{stem}conv{half}.weight"])
                parts = ("weight", "bias", "running_mean", "running_var")
                gain, bias, mean, var = (torch.from_numpy(tensors[f"{stem}bn{half}.{n}"]) for n in parts)
                scale = gain / torch.sqrt(var + 1e-5)
                conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
                conv.weight.data = weight * scale[:, None, None, None]
                conv.bias = nn.Parameter(bias - mean * scale)
                self.convs.append(conv)
        self.to(torch.bfloat16).to(memory_format=torch.channels_last).eval()

    def forward(self, mel: Tensor) -> Tensor:
        """The last feature map."""
        x = mel.to(torch.bfloat16)[:, None].contiguous(memory_format=torch.channels_last)
        for number, conv in enumerate(self.convs):
            x = functional.relu_(conv(x))
            if number in {1, 3, 5}:
                x = functional.max_pool2d(x, 2)
        return x


class Features:
    """Three poolings of each window: [n 3 512] (the encoder's own embedding; mean over time; loudest cell)."""

    def __init__(self) -> None:
        self._body = Body(Resolver().tensors("aisfx"))
        self._mel = mel_filterbank(44_100, N_FFT, BANDS, 0.0, 22_050.0, "htk", "sum").T
        self._stft = Stft(N_FFT, HOP, pad="constant")

    def log_mel(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """[100 96] of one window of `SAMPLES`."""
        mel = power(samples, self._stft)[:FRAMES] @ self._mel
        return (np.log10(10_000 * mel + 1) / TOP).astype(np.float32)

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features of windows [n SAMPLES]."""
        mel = torch.from_numpy(np.stack([self.log_mel(w) for w in windows]))
        with torch.inference_mode():
            grid = self._body(mel).float()  # [n 512 time frequency]
            pooled = (grid.mean(3).amax(2), grid.mean((2, 3)), grid.amax((2, 3)))
            return torch.stack(pooled, 1).numpy()
