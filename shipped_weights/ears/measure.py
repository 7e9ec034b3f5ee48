"""What the student is worth beside its teacher, before any of the product's fusion.

    python shipped_weights/ears/measure.py --data ../shared/data [--teacher FILE.tflite] [--weights FILE ...]

On sounds that nobody trained on: ESC-50 by class word (top-1, ESC-10 top-1, text -> clip mAP), caption -> the video's
own sound (R@1, R@5), and, with the teacher, mean average precision per class against its scores > .5 (classes with 10
patches). Recipe: patch scores pooled by the root of mean times max over time, divided by (library mean + .01)^.5; a
query's words meet the classes by the softmax of MiniLM cosine / .05; for videos every column is standardised.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.ears import teacher as teachers
from storysound.encode import ears, minilm
from storysound.encode.labels import text_vectors
from storysound.media.arrays import Floats
from storysound.media.audio import read_audio
from storysound.metrics.classification import average_precision, average_precisions
from storysound.weights.resolver import Resolver


def pooled(scores: list[Floats]) -> Floats:
    """[n c]: over time, then against what is common in the library."""
    each = np.stack([np.sqrt(s.mean(0) * s.max(0)) for s in scores])
    return each / np.sqrt(each.mean(0) + 0.01)


def meant(queries: list[str], text: minilm.MiniLM) -> Floats:
    """[q c]: how much each class is meant by each query."""
    weight = np.exp(text_vectors(text, queries) @ text_vectors(text, ears.class_names()).T / 0.05)
    return weight / weight.sum(1, keepdims=True)


def esc50(data: Path, score: Floats, text: minilm.MiniLM) -> dict[str, float]:
    """Zero-shot classification of the clips by the names of the classes."""
    rows = list(csv.DictReader((data / "esc50" / "labels.csv").open()))
    classes = sorted({r["category"] for r in rows})
    match = score @ meant([c.replace("_", " ") for c in classes], text).T  # [n classes]
    truth = np.array([classes.index(r["category"]) for r in rows])
    ten = np.array([r["esc10"] == "True" for r in rows])
    columns = np.unique(truth[ten])
    hits = truth[:, None] == np.arange(len(classes))
    return {
        "top1": float((match.argmax(1) == truth).mean()),
        "esc10": float((columns[match[ten][:, columns].argmax(1)] == truth[ten]).mean()),
        "mAP": float(
            np.mean([average_precision(hits[np.argsort(-m, kind="stable"), c]) for c, m in enumerate(match.T)])
        ),
    }


def videos(rows: list[dict[str, str]], score: Floats, text: minilm.MiniLM) -> dict[str, float]:
    """Caption -> the video's own sound."""
    match = meant([r["caption"] for r in rows], text) @ score.T  # [q n]
    match = (match - match.mean(0)) / (match.std(0) + 1e-9)
    rank = (match > np.diag(match)[:, None]).sum(1)
    return {"r1": float((rank < 1).mean()), "r5": float((rank < 5).mean())}


def student(file: Path, cut: list[Floats]) -> list[Floats]:
    """[t 521] of each file by the weights of a run or of the package."""
    network = ears.Network()
    network.load_state_dict({name: value.float() for name, value in load_file(file).items()})
    network.eval().fuse()
    with torch.inference_mode():
        return [network(torch.from_numpy(patches)).logits.sigmoid().numpy() for patches in cut]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--weights", type=Path, nargs="*", default=[])
    parser.add_argument("--classes", action="store_true", help="each class's average precision against the teacher")
    options = parser.parse_args()
    torch.set_num_threads(1)
    text = minilm.load(Resolver(offline=True))
    clips = [options.data / "esc50" / r["file"] for r in csv.DictReader((options.data / "esc50" / "labels.csv").open())]
    rows = [json.loads(line) for line in (options.data / "videos" / "captions.jsonl").open()]
    rows = [r for r in rows if r["audible"] and r["caption"]]
    files = clips + [options.data / "videos" / r["path"] for r in rows]
    cut = [ears.patches(read_audio(f, rate_hz=ears.RATE_HZ, channels=1).samples[0]) for f in files]
    answers: dict[str, list[Floats]] = {}
    if options.teacher:
        net = teachers.Teacher(options.teacher)
        answers["teacher"] = [np.stack([net.probabilities(patch) for patch in patches]) for patches in cut]
    answers |= {str(file): student(file, cut) for file in options.weights}
    for name, scores in answers.items():
        found = esc50(options.data, pooled(scores[: len(clips)]), text)
        found |= videos(rows, pooled(scores[len(clips) :]), text)
        if options.teacher:
            heard = np.concatenate(answers["teacher"]) > 0.5
            each = average_precisions(np.concatenate(scores), heard, least=10)
            found |= {"AP": float(np.mean(list(each.values()))), "AP classes": len(each)}
            if options.classes and name != "teacher":
                for number, value in sorted(each.items(), key=lambda item: -item[1]):
                    print(f"  {value:.3f} {ears.class_names()[number]} ({heard[:, number].sum()})")
        print(name, {k: round(v, 3) for k, v in found.items()}, f"n={len(clips)}, {len(rows)}", flush=True)


if __name__ == "__main__":
    main()
