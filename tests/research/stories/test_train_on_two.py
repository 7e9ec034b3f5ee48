"""Training on two processes for real (DDP over gloo): the same command runs twice and speaks once."""

import json
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from research.story_fakes import write_stories
from storysound.library.stories import read_stories

TESTS = Path(__file__).parents[2]
PROGRAM = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from research.story_fakes import FakeEncoder
from storysound.app.cli.commands import app
from storysound.research.sos import train as train_sos
from storysound.train import loop

train_sos.StoryEncoder = FakeEncoder
step = loop._step

def told(state, task, plan, fabric):
    losses = step(state, task, plan, fabric)
    weight = sum(float(p.detach().double().abs().sum()) for p in task.network.parameters())
    stories = task.batch_at(state.step - 1, fabric.global_rank, fabric.world_size).texts.whole
    with open(f"seen-{{fabric.global_rank}}", "a") as file:
        file.write(f"{{fabric.world_size}} {{weight:.9f}} {{float(stories.sum()):.6f}}\\n")
    return losses

loop._step = told
app()
"""


def test_two_processes_learn_one_model(tmp_path: Path) -> None:
    data = write_stories(tmp_path / "data", 30)
    lines = [json.loads(line) for line in data.read_text().splitlines()]
    for i, row in enumerate(lines):
        if i % 4:
            del row["images"]  # most batches of a process have one story with frames, or none
    data.write_text("\n".join(map(json.dumps, lines)))
    assert len(read_stories(data)) == 30
    (tmp_path / "program.py").write_text(PROGRAM)
    words = [f"data={data}", "out=run", "devices=2", "steps=6", "batch=4", "held_out=0.3", "threads=1"]
    command = [sys.executable, "program.py", "train", "sos", *words, "save_every_s=0", "evaluate_every=3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best.safetensors") == 1
    for line in ("encoding stories", "stories to learn from", "untrained:", "step 6 of 6: loss"):
        assert done.stderr.count(line) == 1, done.stderr
    seen = [[line.split() for line in (tmp_path / f"seen-{rank}").read_text().splitlines()] for rank in (0, 1)]
    assert [len(rows) for rows in seen] == [6, 6]
    for one, other in zip(*seen, strict=True):
        assert one[0] == other[0] == "2"
        assert one[1] == other[1]  # the same weights after every step
        assert one[2] != other[2]  # other stories
    assert len((tmp_path / "run" / "progress.jsonl").read_text().splitlines()) == 3  # 2 evaluations, the last loss
    kept = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert kept["step"] == 6
    assert kept["network"].keys() == load_file(tmp_path / "run" / "best.safetensors").keys()
