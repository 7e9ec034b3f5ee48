"""What the head is worth where the product uses it: words to sounds, without any example.

    python training/ears/measure.py --data ../shared/data --labels NAMES.txt [--head FILE] [--teacher FILE]

ESC-50 by class word (top-1, ESC-10 top-1, text -> clip mAP) and caption -> a video's own sound (R@1, R@5). Recipe:
block scores pooled by the root of mean times max over time, divided by (library mean + .01)^.5; a query's words meet
the classes by the softmax of MiniLM cosine / .05; for videos every column is standardised.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from storysound.encode import minilm
from storysound.media.audio import read_audio
from storysound.weights import Resolver
from training.ears import features, head
from training.ears import teacher as teachers

Float = NDArray[np.float32]


def blocks(path: Path, encoder: features.Features) -> Float:
    """[t 3 512] features of a file's blocks, half overlapping, peak .5 as the encoder wants it."""
    wave = read_audio(path, rate_hz=44_100, channels=1).samples[0]
    wave = wave * np.float32(0.5 / max(float(np.abs(wave).max()), 1e-5))
    count = max(1, 1 + (len(wave) - features.SAMPLES) // (features.SAMPLES // 2))
    wave = np.pad(wave, (0, max(0, features.SAMPLES - len(wave))))
    starts = np.arange(count) * (features.SAMPLES // 2)
    return encoder(np.stack([wave[s : s + features.SAMPLES] for s in starts]))


def teacher_scores(path: Path, net: teachers.Teacher) -> Float:
    """[t 521] of a file's patches, every .48 s."""
    wave = read_audio(path, rate_hz=44_100, channels=1).samples[0]
    low = soxr.resample(wave, 44_100, teachers.RATE_HZ).astype(np.float32)
    return net.scores(low, teachers.patch_starts(len(low), 0.48)).astype(np.float32) / 255


def pooled(scores: list[Float]) -> Float:
    """[n c]: over time, then against what is common in the library."""
    each = np.stack([np.sqrt(s.mean(0) * s.max(0)) for s in scores])
    return each / np.sqrt(each.mean(0) + 0.01)


def meant(queries: list[str], names: list[str], text: minilm.MiniLM) -> Float:
    """[q c]: how much each class is meant by each query."""
    rows = [np.concatenate([e.embedding for e in text.encode(t)]) for t in (queries, names)]
    weight = np.exp(rows[0] @ rows[1].T / 0.05)
    return weight / weight.sum(1, keepdims=True)


def esc50(data: Path, score: Float, names: list[str], text: minilm.MiniLM) -> dict[str, float]:
    """Zero-shot classification of the clips by the names of the classes."""
    rows = list(csv.DictReader((data / "esc50" / "labels.csv").open()))
    classes = sorted({r["category"] for r in rows})
    ten = sorted({r["category"] for r in rows if r["esc10"] == "True"})
    weight = meant([c.replace("_", " ") for c in classes], names, text)
    match = score @ weight.T  # [n classes]
    truth = np.array([classes.index(r["category"]) for r in rows])
    in_ten = np.isin(truth, [classes.index(c) for c in ten])
    columns = [classes.index(c) for c in ten]
    best_ten = np.array(columns)[match[in_ten][:, columns].argmax(1)]
    precision = [head.average_precision(truth == c, match[:, c]) for c in range(len(classes))]
    top5 = (np.argsort(-match, 1)[:, :5] == truth[:, None]).any(1).mean()
    return {
        "top1": float((match.argmax(1) == truth).mean()),
        "top5": float(top5),
        "esc10": float((best_ten == truth[in_ten]).mean()),
        "mAP": float(np.mean(precision)),
        "n": len(rows),
    }


def videos(rows: list[dict[str, str]], score: Float, names: list[str], text: minilm.MiniLM) -> dict[str, float]:
    """Caption -> the video's own sound."""
    match = meant([r["caption"] for r in rows], names, text) @ score.T  # [q n]
    match = (match - match.mean(0)) / (match.std(0) + 1e-9)
    rank = (match > np.diag(match)[:, None]).sum(1)
    return {"r1": float((rank < 1).mean()), "r5": float((rank < 5).mean()), "n": len(rows)}


def apply(tensors: dict[str, torch.Tensor], block: Float, pooling: list[int]) -> Float:
    """[t 521] of one file's features."""
    x = torch.from_numpy(block[:, pooling].reshape(len(block), -1))
    t = {k: v.float() for k, v in tensors.items()}
    inner = torch.relu(x @ t["inner.weight"].T + t["inner.bias"])
    return torch.sigmoid(inner @ t["outer.weight"].T + t["outer.bias"]).numpy()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--head", type=Path, nargs="*", default=[])
    parser.add_argument("--pooling", type=int, nargs="+", default=[0])
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--cache", type=Path, default=head.corpus.cache_folder() / "measure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = options.labels.read_text().splitlines()
    text = minilm.load(Resolver())
    rows = [json.loads(line) for line in (options.data / "videos" / "captions.jsonl").open()]
    rows = [r for r in rows if r["audible"] and r["caption"]]
    clips = [options.data / "esc50" / r["file"] for r in csv.DictReader((options.data / "esc50" / "labels.csv").open())]
    files = {"esc50": clips, "videos": [options.data / "videos" / r["path"] for r in rows]}

    def report(name: str, scores: dict[str, Float]) -> None:
        found = {**esc50(options.data, scores["esc50"], names, text)}
        seen = videos(rows, scores["videos"], names, text)
        print(name, {k: round(v, 3) for k, v in found.items()}, {k: round(v, 3) for k, v in seen.items()}, flush=True)

    if options.teacher:
        net = teachers.Teacher(options.teacher)
        report("teacher", {k: pooled([teacher_scores(f, net) for f in v]) for k, v in files.items()})
    found = described(files, options.cache)
    for file in options.head:
        tensors = load_file(file)
        report(file.name, {k: pooled([apply(tensors, b, options.pooling) for b in v]) for k, v in found.items()})


def described(files: dict[str, list[Path]], cache: Path) -> dict[str, list[Float]]:
    """Features of all files, computed once."""
    target = cache / "features.npz"
    if not target.exists():
        encoder = features.Features()
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(target, **{f"{k}{i}": blocks(f, encoder) for k, v in files.items() for i, f in enumerate(v)})
    with np.load(target) as data:
        return {k: [data[f"{k}{i}"] for i in range(len(v))] for k, v in files.items()}


if __name__ == "__main__":
    main()
