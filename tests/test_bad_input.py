"""The command line on everything a user may hand it: one line that names the file, its code, nothing half written."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_type_hints

import lance
import numpy as np
import pytest
import soundfile
from PIL import Image

from media.media_making import full_disk_after, noise, tone, write_sound, write_video
from storysound.app.cli import commands, process
from storysound.library.store import Library
from storysound.media.audio import Waveform

pytestmark = pytest.mark.models

Run = Callable[..., tuple[int, str, str]]
ODD_NAME = "a 'b' \"c\" 🎵\nd.wav"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, shared_models: None) -> Iterator[Path]:
    """A folder with good and bad files, a library `lib` of one sound, and damaged ones; it is the working folder."""
    folder, before = tmp_path_factory.mktemp("bad"), Path.cwd()
    os.chdir(folder)
    _videos()
    _sounds()
    _pictures_and_texts()
    _libraries()
    yield folder
    os.chdir(before)


def _videos() -> None:
    write_video(Path("ok.mp4"), wave=noise(0.5, amplitude=0.05), frames=12)
    write_video(Path("mute.mp4"), frames=12)
    write_video(Path("silent.mp4"), wave=Waveform(np.zeros((1, 24000), np.float32), 48000), frames=12)
    write_video(
        Path("tall.mp4"), frames=12, size=(48, 64), times=[0, 20, 90, 110, 200, 210, 300, 333, 350, 400, 440, 470]
    )
    write_video(Path("frame.mp4"), frames=1)
    write_video(Path("long sound.mkv"), wave=noise(3.0, amplitude=0.05), frames=12)
    write_sound(Path("sound only.mp4"), noise(0.5), "aac")
    whole = Path("ok.mp4").read_bytes()
    for percent in (1, 30, 60, 95):
        Path(f"cut{percent}.mp4").write_bytes(whole[: len(whole) * percent // 100])


def _sounds() -> None:
    Path("in").mkdir()
    soundfile.write("in/ok.wav", tone(440, 1.0, 16000).samples.T, 16000)
    Path(ODD_NAME).write_bytes(Path("in/ok.wav").read_bytes())
    soundfile.write("none.wav", np.zeros((0, 1)), 16000)
    soundfile.write("one.wav", np.array([0.5]), 16000)
    soundfile.write("nan.wav", np.full(9000, np.nan), 16000, subtype="FLOAT")
    soundfile.write("eight.wav", np.repeat(tone(440, 0.5, 8000).samples.T, 8, axis=1), 8000)
    soundfile.write("96k.wav", tone(440, 0.3, 96000).samples.T, 96000)
    write_sound(Path("ok.ogg"), noise(1.0), "vorbis")
    Path("cut.ogg").write_bytes(Path("ok.ogg").read_bytes()[:-2000])


def _pictures_and_texts() -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)).save("ok.png")
    Path("cut.png").write_bytes(Path("ok.png").read_bytes()[:4000])
    Image.new("L", (20000, 9000)).save("wide.png")  # more than Pillow takes by itself
    for name in ("empty.mp4", "empty.wav", "empty.png", "empty.jsonl"):
        Path(name).touch()
    for name in ("text.mp4", "text.wav", "text.png"):
        Path(name).write_text("Dear diary,\n" * 50)
    for name in ("no pictures", "latin", "broken"):
        Path(name).mkdir()
    Path("no pictures/story.txt").write_text("Rain.")
    Path("latin/story.txt").write_bytes("Straße".encode("latin-1"))
    Path("broken/1.png").write_text("no picture")
    Image.new("RGB", (40, 30)).save("latin/1.png")
    Path("q.jsonl").write_text('{"text": "rain"}\n{"text": "  "}\n')
    Path("deep.jsonl").write_text("[" * 100_000)
    Path("latin.jsonl").write_bytes('{"text": "Straße"}'.encode("latin-1"))


def _libraries() -> None:
    assert _outcome("index", "in", "-o", "lib", "--jobs", "1") == 0
    for name in ("newer", "torn"):
        Library.create(name)
    table = lance.dataset("newer/sounds.lance").to_table()
    meta = {b"storysound": json.dumps({"format": 99, "storysound": "9.9"}).encode()}
    lance.write_dataset(table.replace_schema_metadata(meta), "newer/sounds.lance", mode="overwrite")
    for manifest in Path("torn/sounds.lance/_versions").glob("*.manifest"):
        manifest.write_bytes(b"torn")
    Path("empty folder").mkdir()


def _outcome(*words: str) -> int:
    """The exit code of a command, run in this process."""
    own = logging.getLogger("storysound")
    state, sys.argv = (sys.argv, own.handlers, own.propagate), ["storysound", *words]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(process, "prepare", lambda: None)  # signals belong to pytest here
            with pytest.raises(SystemExit) as ended:
                commands.run()
        return int(ended.value.code or 0)
    finally:
        sys.argv, own.handlers, own.propagate = state


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: its code, stdout and stderr; checks what must always hold."""

    def command(*words: str) -> tuple[int, str, str]:
        before = _contents(here)
        capsys.readouterr()
        code = _outcome(*words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert "\x1b" not in out + err
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(errors) == (code != 0)
        assert not [name for name in _contents(here) if ".part" in name]
        assert code == 0 or _contents(here) == before
        if "--json" in words:
            for line in out.splitlines():
                json.loads(line, parse_constant=pytest.fail)
        return code, out, errors[0] if errors else err

    return command


def _contents(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if ".lance" not in str(path) and path.name != "writer.lock")
    return {str(path): path.stat().st_size for path in files}


FIND = "find -l lib --json --text rain"
SCORE = "score -l lib --json -o out/o.mp4"
SPLIT = "split-speech --json -o out/o.wav"
SUMMARIZE = "summarize --json -o out/o.mp4"
# Command, further words, exit code, what the error must say.
BAD = [
    ("index -o new --jobs 1", "empty.wav", 3, "nothing in it could be indexed"),
    ("index -o new --jobs 1", "nan.wav", 3, "nothing in it"),
    ("index -o new --jobs 1", "empty folder", 3, "nothing in it"),
    ("index -o new --jobs 1", "missing", 3, "missing: does not exist"),
    ("index -o new --profile nope", "in", 2, "no profile 'nope'"),
    ("index -o new --jobs x", "in", 2, "--jobs"),
    ("index -o ok.mp4", "in", 3, "ok.mp4: is a file"),
    ("index -o latin", "in", 3, "latin: holds other things"),
    ("index -o newer --jobs 1", "in", 3, "9.9"),
    ("index -o torn --jobs 1", "in", 3, "damaged"),
    (f"index -o {'x' * 300}", "in", 3, "name too long"),
    ("find -l lib", "", 2, "nothing to look for"),
    ("find --text rain -l", "missing", 3, "missing: does not exist"),
    ("find --text rain -l", "empty folder", 3, "not a Storysound library"),
    ("find --text rain -l", "newer", 3, "made by storysound 9.9"),
    ("find --text rain -l", "torn", 3, "torn: is damaged"),
    (f"{FIND} -k", "0", 2, "'-k'"),
    (f"{FIND} --kind", "loud", 2, "--kind"),
    (f"{FIND} --mood", "2,0", 2, "--mood: '2,0'"),
    (f"{FIND} --profile", "nope.toml", 3, "nope.toml: can't be read"),
    (f"{FIND} --image", "text.png", 3, "text.png: is not a picture"),
    (f"{FIND} --image", "empty.png", 3, "empty.png: is empty"),
    (f"{FIND} --image", "cut.png", 3, "cut.png: can't be decoded"),
    (f"{FIND} --image", "bad\udcff.png", 3, "not valid UTF-8"),
    (f"{FIND} --video", "sound only.mp4", 3, "no video stream"),
    (f"{FIND} --video", "cut60.mp4", 3, "cut60.mp4: "),
    (f"{FIND} --audio", "nan.wav", 3, "NaN"),
    (f"{FIND} --audio", "none.wav", 3, "no sound samples"),
    (f"{FIND} --audio", "x\ny.wav", 3, r"x\\ny.wav: does not exist"),
    ("find -l lib --json --queries", "empty.jsonl", 3, "no queries"),
    ("find -l lib --json --queries", "q.jsonl", 3, "line 2: asks for nothing"),
    ("find -l lib --json --queries", "deep.jsonl", 3, "line 1"),
    ("find -l lib --json --queries", "latin.jsonl", 3, "not UTF-8"),
    (SCORE, "empty.mp4", 3, "empty.mp4: is empty"),
    (SCORE, "text.mp4", 3, "holds text"),
    (SCORE, "cut1.mp4", 3, "can't be decoded"),
    (SCORE, "cut95.mp4", 3, "cut95.mp4"),
    (SCORE, "sound only.mp4", 3, "a sound has no pictures"),
    (SCORE, "ok.png", 3, "is a picture"),
    (SCORE, "no pictures", 3, "no pictures in it"),
    (SCORE, "latin", 3, "story.txt: is not UTF-8"),
    (SCORE, "broken", 3, "1.png: is not a picture"),
    ("score -l lib ok.mp4 -o", "ok.mp4", 3, "is the input itself"),
    ("score -l lib ok.mp4 -o", "../{here}/ok.mp4", 3, "is the input itself"),
    ("score -l lib ok.mp4 -o", "o.txt", 3, "can't be written as .txt"),
    ("score -l lib ok.mp4 -o", "ok.png/o.mp4", 3, "can't be written"),
    ("score -l lib ok.mp4 -o", "empty folder", 3, "is a folder"),
    ("score -l lib ok.mp4 -o", "x" * 250 + ".mp4", 3, "name too long"),
    ("score -l lib ok.mp4 --music-gain 99 -o", "o.mp4", 2, "--music-gain"),
    (SPLIT, "mute.mp4", 3, "no audio stream"),
    (SPLIT, "text.wav", 3, "holds text"),
    ("split-speech in/ok.wav -o", "in/../in/ok.wav", 3, "is the input itself"),
    ("split-speech in/ok.wav -o", "o.mp3", 2, "--output: .*o.mp3"),
    ("split-speech in/ok.wav -o a.wav --speech", "lib/../a.wav", 2, "--speech: .*one file"),
    (SUMMARIZE, "empty.mp4", 3, "empty.mp4: is empty"),
    (SUMMARIZE, "text.mp4", 3, "holds text"),
    (SUMMARIZE, "sound only.mp4", 3, "no video stream"),
    (SUMMARIZE, "ok.png", 3, "is a picture"),
    (SUMMARIZE, "ok.mp4", 3, "ok.mp4: is too short"),
    ("summarize ok.mp4 -o", "ok.mp4", 3, "is the input itself"),
    ("summarize ok.mp4 -o", "o.webm", 3, r"\.webm can't hold h264"),
    ("summarize ok.mp4 -o o.mp4 --share", "2", 2, "--share"),
    ("evaluate tvsum", "data=empty folder", 3, "ydata-anno.tsv.gz: can't be read"),
    ("generate music --text", " ", 2, "nothing to make music for"),
    ("generate music --mood", "2,0", 2, "--mood: '2,0'"),
    ("generate music --text a -o", "o.mp3", 2, r"ends in \.wav"),
    ("generate music --text a --model", "bard", 2, "--model: .*NAME=FOLDER"),
    ("generate music --text a --model", "musicgen=in", 4, "in: can't be loaded as a MusicGen"),
    ("generate music --text a --licence-policy", "commercial", 2, "musicgen/config.json is refused"),
    ("generate music --json --image", "empty.png", 3, "empty.png: is empty"),
    ("generate music --prompt-only --image", "text.png", 3, "is not a picture"),
    ("generate video --text", " ", 2, "give one of --text, --story and --texts"),
    ("generate video --text a -o", "o.webm", 2, r"ends in \.mp4"),
    ("generate video --text a --model", "bard", 2, "--model: .*NAME=FOLDER"),
    ("generate video --text a --model", "tavdiffusion=in", 4, "in: can't be loaded as TAVDiffusion"),
    ("generate video --text a --model", "ltx-2=missing", 4, "missing: is no folder"),
    ("generate video --text a --seconds", "-1", 2, "--seconds: must be above 0"),
    ("generate video --story", "missing.txt", 3, "missing.txt: does not exist"),
    ("generate video --texts", "empty.png", 3, "empty.png: is no captions file"),
    ("generate sound --text", " ", 2, "--text: nothing to make a sound of"),
    ("generate sound --image", "text.png", 3, "is not a picture"),
    ("generate sound --image", "empty.png", 3, "empty.png: is empty"),
    ("generate sound --text a -s", "0", 2, "--seconds: must be above 0"),
    ("generate sound --text a -s", "10800", 2, "--seconds: .* at most 600"),
    ("generate sound -o a.wav --text", "song", 2, "--text: 'song' asks for music or a song"),
    ("generate sound --text a -o", "o.txt", 2, "--output: a name that ends in"),
    ("generate sound --text a --model", "bard", 2, "--model: .*NAME=FOLDER"),
    ("generate sound --text a --model", "sosgen=in", 4, "in: can't be loaded as a SoSgen"),
    ("generate ambience --like", "empty.wav", 3, "empty.wav: is empty"),
    ("generate ambience --like in/ok.wav -s", "0", 2, "--seconds: must lie"),
    ("generate ambience -l nowhere --text", "rain", 3, "nowhere"),
    ("generate ambience --text", "rain", 2, "--library: is needed"),
    ("generate image --audio", "empty.wav", 3, "empty.wav: is empty"),
    ("generate image --audio in/ok.wav --mix", "in/ok.wav:2", 2, "--mix: in/ok.wav:2"),
    ("generate image --audio in/ok.wav --gain", "99", 2, "--gain: must"),
    ("generate image --audio in/ok.wav --model", "kandinsky=in", 4, "--map takes its"),
    ("evaluate pictures made=in", "real=empty folder", 3, "in: has 0 pictures"),
    ("evaluate tavg generated=in", "reference=empty folder", 3, "in: has no videos in it"),
    ("models pull", "nope", 2, "'nope'"),
    ("models verify", "nope", 2, "'nope'"),
    ("nope", "", 2, "No such command"),
]


@pytest.mark.parametrize(("command", "word", "code", "words"), BAD)
def test_bad_input_is_one_line(run: Run, here: Path, command: str, word: str, code: int, words: str) -> None:
    found, _, error = run(*command.split(), *([word.format(here=here.name)] if word else []))
    assert found == code
    assert re.search(words, error)


@pytest.mark.parametrize(
    "command",
    [
        *(f"{SCORE}|{name}" for name in ("mute.mp4", "silent.mp4", "tall.mp4", "frame.mp4")),
        *(f"{SPLIT}|{name}" for name in ("one.wav", "eight.wav", "96k.wav", "ok.ogg", ODD_NAME)),
        f"{FIND} --image|wide.png",
        f"{FIND} --audio|one.wav",
        f"{FIND} --audio|cut.ogg",
        "find -l lib --json --text|Stra\udcdfe 🎵",
        "models ls --json|",
    ],
)
def test_odd_input_is_taken(run: Run, tmp_path: Path, command: str) -> None:
    words, _, last = command.partition("|")
    placed = [str(tmp_path / Path(word).name) if word.startswith("out/") else word for word in words.split()]
    code, out, _ = run(*placed, *([last] if last else []))
    assert (code, out != "") == (0, True)


def test_pictures_shorter_than_their_sound_are_held(run: Run, tmp_path: Path) -> None:
    _, out, err = run("score", "long sound.mkv", "-l", "lib", "--json", "-o", str(tmp_path / "o.mkv"))
    assert json.loads(out.splitlines()[-1])["duration_s"] == pytest.approx(3.0, abs=0.02)
    assert "cut short" not in err


def test_odd_names_are_indexed_and_shown_on_one_line(run: Run, tmp_path: Path) -> None:
    lib = str(tmp_path / "lib")
    assert run("index", ODD_NAME, "text.wav", "-o", lib, "--jobs", "1")[0] == 0
    assert json.loads(run("find", "-l", lib, "--text", "a", "--json")[1])["sound"] == ODD_NAME
    assert "\\nd.wav" in run("find", "-l", lib, "--text", "a")[1]


def test_segments_that_are_gone_are_made_anew(run: Run, tmp_path: Path) -> None:
    lib = str(tmp_path / "lib")
    run("index", "in", "-o", lib, "--jobs", "1")
    for part in sorted(Path(lib, "segments.lance").rglob("*"), reverse=True):
        part.rmdir() if part.is_dir() else part.unlink()
    assert run("find", "-l", lib, "--text", "a")[0] == 3
    assert "1 refreshed" in run("index", "in", "-o", lib, "--jobs", "1")[2]
    assert run("find", "-l", lib, "--text", "a")[0] == 0


def test_a_full_disk_leaves_nothing(run: Run) -> None:
    with full_disk_after(2000):
        assert "disk is full" in run("score", "ok.mp4", "-l", "lib", "-o", "o.mp4")[2]
        assert "disk is full" in run("split-speech", "in/ok.wav", "-o", "o.wav")[2]
        assert "disk is full" in run("index", "in", "-o", "new", "--jobs", "1")[2]
    assert not Path("new").exists()


def test_missing_weights_say_how_to_get_them(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STORYSOUND_CACHE", str(tmp_path))
    for command in ("index in -o new --jobs 1", "find -l lib --text a", "split-speech in/ok.wav -o o.wav"):
        code, _, error = run(*command.split())
        assert code == 4
        assert "storysound models pull" in error
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("ending", "step", "code"), [(signal.SIGINT, "understand", 130), (signal.SIGTERM, "deliver", 143)]
)
def test_being_told_to_end(here: Path, tmp_path: Path, ending: signal.Signals, step: str, code: int) -> None:
    # So small a film is delivered before a busy machine has sent the signal: delivery waits for it.
    slowly = "import time; from storysound.jobs.render import deliver; write = deliver.write_json; "
    slowly += "deliver.write_json = lambda *given: (time.sleep(60), write(*given)); "
    script = slowly + "from storysound.app.cli import main; main()"
    words = ["score", "ok.mp4", "-l", "lib", "-o", str(tmp_path / "o.mp4")]
    with subprocess.Popen([sys.executable, "-c", script, *words], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(step in line for line in process.stderr)
        process.send_signal(ending)
        rest = process.stderr.read()
    assert "Traceback" not in rest
    assert process.returncode == code
    assert not list(tmp_path.iterdir())


def _shell(line: str) -> subprocess.CompletedProcess[str]:
    binary = Path(sys.executable).parent
    path = f"{binary}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["bash", "-c", line], env={**os.environ, "PATH": path}, capture_output=True, text=True)


def test_output_that_nobody_reads(here: Path) -> None:
    done = _shell("storysound models ls --json | true; echo ${PIPESTATUS[0]}; storysound --help >/dev/full")
    assert done.stdout.strip() == "0"
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 3


def test_no_option_refuses_a_file_by_itself() -> None:
    """Typer would call a file without rights bad usage (2): readable=False leaves it to the job, as bad input (3)."""
    checks = {}
    for command in commands.app.registered_commands:
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            if "Path" in str(hint):
                checks[f"{command.callback.__name__} {name}"] = hint.__metadata__[0].readable
    assert len(checks) > 12
    assert [name for name, readable in checks.items() if readable] == []


def test_help_is_complete_and_light() -> None:
    script = """
import sys
from storysound.app.cli import main
for words in ([], ["index"], ["find"], ["score"], ["summarize"], ["split-speech"], ["models"], ["models", "pull"]):
    sys.argv = ["storysound", *words, "--help"]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, words
heavy = {"torch", "av", "lance", "onnxruntime", "numpy", "soundfile", "PIL", "pyarrow", "scipy"} & sys.modules.keys()
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    options = re.findall(r"│\s(?:\*)?\s*(--[a-z-]+)", done.stdout)
    assert {"--jobs", "--ignore-names", "--queries", "--report", "--speech", "--licence-policy"} <= set(options)
