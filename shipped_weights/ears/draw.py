"""Draw augmented windows and have the teacher score them: the student's training set.

    python shipped_weights/ears/draw.py --teacher FILE.tflite --out FOLDER --windows 200000         # for training
    python shipped_weights/ears/draw.py --teacher FILE.tflite --out FOLDER --windows 4096 --test    # of those held out

Writes shards of 512 windows, `train-<seed>-<shard>.safetensors` or `test-...`, as `storysound train ears` reads them:
`log_mel` uint8 [n 240 64], and of four patches a window, at frames 0, 48, 96 and 144: `logits` int8 [n 4 521] and
`embedding` uint8 [n 4 1024] of the teacher, and `clips` int32 [n 2], the lines of `clips.txt` that are mixed, louder
first; `scale` says what the integers mean. Resumable by shard; two processes may share the work
(--part 0/2, --part 1/2).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.ears import corpus, windows
from shipped_weights.ears import teacher as teachers
from storysound.encode import ears

SHARD = 512
STARTS = np.arange(4) * ears.HOP_FRAMES  # frames: patches every 0.48 s
FRAMES = int(STARTS[-1]) + ears.PATCH_FRAMES
SCALE = np.array(  # log-mel step and zero, logit step and zero, step of the hidden layer
    [teachers.STEP, teachers.LOWEST, teachers.LOGIT_STEP, teachers.LOGIT_ZERO, teachers.HIDDEN_STEP], np.float32
)
SAMPLES = ears.MELS.stft.win_length + (FRAMES - 1) * ears.MELS.stft.hop_length


def draw(drawer: windows.Drawer, shard: int, net: teachers.Teacher, target: Path, *, plain: bool) -> None:
    """Write one shard."""
    mels = np.empty((SHARD, FRAMES, ears.MELS.n_mels), np.uint8)
    logits = np.empty((SHARD, len(STARTS), teachers.CLASSES), np.int8)
    embedding = np.empty((SHARD, len(STARTS), teachers.EMBEDDING), np.uint8)
    clips = np.empty((SHARD, 2), np.int32)
    for i in range(SHARD):
        wave, clips[i] = drawer.window(shard * SHARD + i, plain=plain)
        mel = ears.frames(wave)
        mels[i] = teachers.coarse(mel)
        for j, start in enumerate(STARTS):
            logits[i, j], embedding[i, j] = net.answer(mel[start : start + ears.PATCH_FRAMES])
    partial = target.with_suffix(".part")
    save_file({"log_mel": mels, "logits": logits, "embedding": embedding, "clips": clips, "scale": SCALE}, partial)
    partial.replace(target)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=corpus.cache_folder())
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    pool = windows.pool(options.cache, test=options.test)
    drawer = windows.Drawer(pool, SAMPLES, options.seed)
    print(f"{len(pool.chance)} clips of {len(pool.files)} sources", flush=True)
    kind = "test" if options.test else "train"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"clips-{kind}-{options.seed}.txt").write_text("\n".join(pool.names), "utf-8")
    net = teachers.Teacher(options.teacher)
    for shard in range(part, options.windows // SHARD, parts):
        target = options.out / f"{kind}-{options.seed}-{shard:05d}.safetensors"
        if not target.exists():
            draw(drawer, shard, net, target, plain=options.test)
            print(target.name, flush=True)


if __name__ == "__main__":
    main()
