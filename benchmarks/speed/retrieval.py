"""What all-pairs similarity, co-attention, retrieval metrics and log-mel bands cost beside what can't be avoided.

CPU time of one thread, both sides in the same process, the least of several runs. The similarity is measured on some of
the queries; `--full N` takes all 1,300 with N tokens each and says how much memory it took.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.speed.retrieval
"""

import argparse
import resource
import time
from collections.abc import Iterator

import kaldi_native_fbank
import numpy as np
import torch
from torch import Tensor

from benchmarks.speed.encoders import cpu_s
from storysound.match.mac import CoAttentionMatcher, Config
from storysound.match.sos import similarity
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.metrics.retrieval import evaluate

Row = tuple[str, str, str, str]  # what, value, limit, n

ITEMS, FRAMES, WIDTH = 1300, 40, 512  # Sound of Story's test set, its frames, and CLIP's space
TOKENS = {60: 64, 250: 16, 512: 8}  # audio tokens: queries that are measured
CANDIDATES = 10_000
PAIRED = 128  # MAC's batch
RATE_HZ, SECONDS = 16_000, 60
BANDS = LogMel(RATE_HZ, Stft(512, 160, win_length=400, centre=False), 80, f_min=20.0)


def measure() -> Iterator[Row]:
    """One row each."""
    for tokens, queries in TOKENS.items():
        items = stories(queries, tokens)
        bare = cpu_s(lambda items=items: products(*items), 2)  # type: ignore[misc]
        ours = cpu_s(lambda items=items: similarity(*items), 2)  # type: ignore[misc]
        what = f"similarity, {tokens} × {FRAMES} tokens"
        yield what, f"{ours / bare:.2f} × its products", f"1 ({bare:.1f} s)", f"{queries} × {ITEMS} pairs"
    yield co_attention()
    matrix = torch.randn(CANDIDATES, CANDIDATES, generator=torch.Generator().manual_seed(0))
    reading, ranking = cpu_s(matrix.max, 5), cpu_s(lambda: evaluate(matrix), 5)
    n = f"{CANDIDATES} × {CANDIDATES}"
    yield "retrieval metrics", f"{ranking / reading:.2f} × reading once", f"1 ({1000 * reading:.0f} ms)", n
    samples = np.random.default_rng(0).normal(0, 0.1, SECONDS * RATE_HZ).astype(np.float32)
    theirs, ours = cpu_s(lambda: kaldi_bands(samples), 3), cpu_s(lambda: log_mel(samples, BANDS), 5)
    yield "log-mel bands", f"{theirs / ours:.1f} × kaldi-native-fbank", "", f"{SECONDS} s of sound, 80 bands"


@torch.inference_mode()
def co_attention() -> Row:
    """MAC's scores of all pairs of a batch, beside torch's attention over every pair."""
    torch.manual_seed(0)
    matcher = CoAttentionMatcher(Config()).eval()
    width, experts, heads = matcher.config.dim, matcher.config.experts, matcher.config.heads
    video, audio = torch.randn(PAIRED, experts, width), torch.randn(PAIRED, experts, width)
    plain = [torch.nn.MultiheadAttention(width, heads, batch_first=True).eval() for _ in range(2)]

    def naive() -> None:
        a, b = (x.flatten(0, 1) for x in torch.broadcast_tensors(video[:, None], audio[None]))
        for attention, (asks, answers) in zip(plain, ((a, b), (b, a)), strict=True):
            attention(asks, answers, answers)

    ours, theirs = cpu_s(lambda: matcher.pair_scores(video, audio), 3), cpu_s(naive, 1)
    return (
        "MAC, co-attention",
        f"{ours:.2f} s",
        f"{theirs:.1f} s pair by pair",
        f"{PAIRED} × {PAIRED} pairs, D = {width}",
    )


def unit(*shape: int) -> Tensor:
    """Random directions, without a copy."""
    x = torch.randn(shape)
    return x.div_(x.norm(dim=-1, keepdim=True))


def stories(queries: int, tokens: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sounds and videos."""
    torch.manual_seed(0)
    return unit(queries, WIDTH), unit(queries, tokens, WIDTH), unit(ITEMS, WIDTH), unit(ITEMS, FRAMES, WIDTH)


def products(a_global: Tensor, a_tokens: Tensor, b_global: Tensor, b_tokens: Tensor) -> None:
    """The matrix products of Eq. 1 to 4 and nothing else, in blocks that stay in the cache."""
    for a in (a_global, a_tokens.flatten(0, 1)):
        for b in (b_global, b_tokens.flatten(0, 1)):
            buffer = torch.empty(480, 2560)
            for some in torch.split(b, 2560):
                for rows in torch.split(a, 480):
                    torch.mm(rows, some.T, out=buffer[: len(rows), : len(some)])


def kaldi_bands(samples: np.ndarray) -> np.ndarray:
    """The same bands by kaldi-native-fbank."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = RATE_HZ, 0
    options.mel_opts.num_bins = BANDS.n_mels
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(RATE_HZ, samples)
    bank.input_finished()
    return np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])


def peak_mib() -> float:
    """The most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def full(tokens: int) -> None:
    """All queries: time beside the bare products, and memory beyond inputs and output."""
    items = stories(ITEMS, tokens)
    similarity(*(x[:1] for x in items))  # code and threads that come with the first call
    before, started = peak_mib(), time.process_time()
    similarity(*items)
    ours, more = time.process_time() - started, peak_mib() - before
    print(f"{more:.0f} MiB more than inputs, of which {ITEMS * ITEMS * 4 / 2**20:.0f} MiB output")
    started = time.process_time()
    products(*items)
    print(f"{ours:.1f} s, {ours / (time.process_time() - started):.2f} × its products")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", type=int, metavar="N", help="all queries, with N tokens each")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.full:
        full(args.full)
        return
    for row in measure():
        print(" | ".join(row))


if __name__ == "__main__":
    main()
