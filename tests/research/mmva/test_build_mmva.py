"""Sets of pictures and music out of tables: what is in them, what is left out, and that nothing leaks."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from annotate.chat_server import said, serving
from recipe_fakes import listening, models_of
from research.mmva_fakes import lines, tone, write_tables
from storysound.annotate.caption_store import CaptionStore
from storysound.app.cli.commands import app
from storysound.encode import encoder
from storysound.encode.encoder import Encoding
from storysound.errors import InputError, MissingModelError, UsageError
from storysound.library.emotion_set import EmotionSet, parts_sha, read_set
from storysound.match.mmva import matching_score, mean_distance
from storysound.media.audio import Waveform, write_wav
from storysound.research import recipes
from storysound.research.mmva.build import build
from storysound.research.mmva.settings import MmvaBuild


def run(folder: Path, *words: str, music: str = "", pictures: str = "") -> tuple[EmotionSet, list[str]]:
    told: list[str] = []
    given = [f"pictures={pictures or folder / 'pictures.csv@1:9'}", f"music={music or folder / 'music.csv@-1:1'}"]
    recipe = recipes.settings(MmvaBuild, [*given, f"out={folder / 'set'}", *words])
    return build(recipe, models_of(), listening(told)), told


def test_mmva_erratum_1_what_is_loaded_is_counted(tmp_path: Path) -> None:
    write_tables(tmp_path, pictures=30, tracks=20, length_s=6.0)
    (tmp_path / "p3.png").unlink()
    (tmp_path / "m4.wav").write_bytes(b"no sound at all")
    data, told = run(tmp_path)
    assert (len(data.pictures), len(data.clips)) == (29, 19 * 3)
    about = json.loads((tmp_path / "set" / "set.json").read_text())
    assert sum(about["pictures"].values()) == 29
    assert sum(about["music"].values()) == 57
    assert len(about["left_out"]) == 2
    assert {line.split(":")[0] for line in told} == {"left out", str(tmp_path / "set")}


def test_moods_spans_and_sigma_are_those_of_the_tables(tmp_path: Path) -> None:
    write_tables(tmp_path, tracks=6, length_s=14.0)
    data, _ = run(tmp_path)
    own = [clip for clip in data.clips if clip.file.name == "m0.wav"]
    assert [(c.span.start_s, c.span.end_s) for c in own] == [
        (0, 10),
        (2, 12),
        (4, 14),
        (6, 14),
        (8, 14),
        (10, 14),
        (12, 14),
    ]
    mood = tuple(map(float, own[0].caption.split()[1:]))
    assert (own[0].mood.valence, own[0].mood.arousal) == pytest.approx(mood, abs=1e-3)
    assert data.sigma == pytest.approx(mean_distance(data.picture_moods, data.clip_moods), abs=1e-4)
    shorter, _ = run(tmp_path, "joined=1", "every=2")
    assert [(c.span.start_s, c.span.end_s) for c in shorter.clips if c.file.name == "m0.wav"] == [
        (0, 2), (4, 6), (8, 10), (12, 14),
    ]  # fmt: skip


def test_mmva_erratum_3_no_track_no_copy_and_no_group_is_in_two_parts(tmp_path: Path) -> None:
    _, music = write_tables(tmp_path, tracks=20, length_s=4.0)
    shutil.copy(tmp_path / "m5.wav", tmp_path / "copy.wav")
    rows = music.read_text().split("\n")
    albums = [f"{row},{'album' if i in (1, 2, 3, 4) else ''}" for i, row in enumerate(rows)]
    albums[0] = rows[0] + ",group"
    lines(music, [*albums, "copy.wav,0,0,feels 0.5 0.5,"])
    for seed in range(4):
        data, _ = run(tmp_path, f"seed={seed}")
        parts: dict[str, set[str]] = {}
        for clip in data.clips:
            parts.setdefault(clip.sha256, set()).add(clip.split)
            if clip.group:
                parts.setdefault(clip.group, set()).add(clip.split)
        assert all(len(part) == 1 for part in parts.values())
        assert {clip.split for clip in data.clips} == {"train", "validation", "test"}
        for picture, clip in data.pairs:
            assert data.pictures[picture].split == data.clips[clip].split


def test_fixed_pairs_are_written_with_their_scores(tmp_path: Path) -> None:
    write_tables(tmp_path, pictures=40, tracks=12, length_s=2.0)
    data, _ = run(tmp_path, "kept=1")
    rows = [json.loads(line) for line in (tmp_path / "set" / "pairs.jsonl").read_text().splitlines()]
    scores = matching_score(data.picture_moods, data.clip_moods, data.sigma)
    assert (
        len(rows)
        == len(data.pairs)
        == sum(min(50, sum(p.split == clip.split for p in data.pictures)) for clip in data.clips)
    )
    for row, (picture, clip) in zip(rows, data.pairs, strict=True):
        assert row["score"] == pytest.approx(float(scores[picture, clip]), abs=1e-3)


def test_music_rated_by_moments_is_cut_where_it_is_rated(tmp_path: Path) -> None:
    write_tables(tmp_path, tracks=4, length_s=8.0)
    rated = [f"m{i},{s},{0.1 * s:.1f},0.5,feels 0.5 0.5" for i in range(4) for s in (2, 3, 4, 5)]
    lines(tmp_path / "moments.csv", ["file,start_s,valence,arousal,caption", *rated])
    data, _ = run(tmp_path, music=str(tmp_path / "moments.csv@0:1"))
    own = [clip for clip in data.clips if clip.file.name == "m0.wav"]
    assert [(c.span.start_s, c.span.end_s) for c in own] == [(2, 6), (4, 6)]
    assert [c.mood.valence for c in own] == pytest.approx([0.35, 0.45])


class FakeEars:
    """Hears how high a tone is."""

    name, revision, labels = "fake", "1", {"msd": ("low", "high", "a", "b", "c", "d")}
    heard = 0

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        FakeEars.heard += 1
        wave = items[0].samples[0]
        high = np.abs(np.fft.rfft(wave)).argmax() * items[0].rate_hz / len(wave) > 500
        scores = np.array([[1 - high, high, 0.3, 0.2, 0.1, 0.0]], np.float32)
        return [Encoding(np.zeros((1, 1), np.float32), {"msd": scores})]


def test_captions_are_given_made_of_tags_or_heard_and_what_is_heard_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "load", lambda *_: FakeEars())
    FakeEars.heard = 0
    write_tables(tmp_path, tracks=0)
    for i in range(4):
        write_wav(tmp_path / f"m{i}.wav", tone(0.9 if i == 3 else 0.1, 0.5 + i / 100, 4.0))
    rows = [
        "m0.wav,0,1,The low quality recording features a harp.,",
        "m1.wav,1,0,,calm;slow",
        "m2.wav,0,0,,",
        "m3.wav,0,0,,",
    ]
    lines(tmp_path / "music.csv", ["file,valence,arousal,caption,tags", *rows])
    data, _ = run(tmp_path)
    found = {clip.file.name: clip.caption for clip in data.clips}
    assert found["m0.wav"] == "The recording features a harp."
    assert found["m1.wav"] == "Music: calm, slow."
    assert found["m2.wav"] == "Music: low, a, b, c, high."
    assert found["m3.wav"] == "Music: high, a, b, c, low."
    assert FakeEars.heard == 4  # two clips each of two tracks
    again, _ = run(tmp_path)
    assert FakeEars.heard == 4
    assert [clip.caption for clip in again.clips] == [clip.caption for clip in data.clips]


def test_a_language_model_is_asked_about_captions_that_need_it_and_once(tmp_path: Path) -> None:
    _, music = write_tables(tmp_path, tracks=6, length_s=4.0)
    rows = music.read_text().split("\n")
    rows[1] = rows[1].rsplit(",", 1)[0] + ",A noisy harp in mono."
    lines(music, rows)
    with serving(200, said("A harp.")) as (address, asked):
        for _ in range(2):
            data, _ = run(tmp_path, f"llm={address}", "llm_model=m")
            found = {clip.file.name: clip.caption for clip in data.clips}
            assert found["m0.wav"] == "A harp."
            assert found["m1.wav"].startswith("feels")
    assert [one["messages"][-1]["content"] for one in asked] == ["A noisy harp in mono."]


def test_a_folder_without_the_captioner_is_named(tmp_path: Path) -> None:
    write_tables(tmp_path, tracks=4)
    music = tmp_path / "music.csv"
    music.write_text("\n".join(line.rsplit(",", 1)[0] for line in music.read_text().split("\n")))
    with pytest.raises(MissingModelError, match="holds no LP-MusicCaps"):
        run(tmp_path, f"captioner={tmp_path / 'nothing'}")


def test_kept_texts_outlive_a_killed_run(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    CaptionStore(file).get("a", lambda: "one")
    with file.open("a") as stream:
        stream.write('\n{"key": "b", "te')  # killed while writing
    kept = CaptionStore(file)
    assert kept.get("a", lambda: "two") == "one"
    assert kept.get("b", lambda: "three") == "three"
    assert CaptionStore(file).get("b", lambda: "four") == "three"


def test_a_set_can_be_moved_and_parts_are_known_again(tmp_path: Path) -> None:
    write_tables(tmp_path / "here")
    data, _ = run(tmp_path / "here")
    (tmp_path / "here").rename(tmp_path / "there")
    moved = read_set(tmp_path / "there" / "set")
    assert all(one.file.exists() for one in (*moved.pictures, *moved.clips))
    assert parts_sha(moved) == parts_sha(data)
    assert torch.equal(moved.clip_moods, data.clip_moods)
    assert parts_sha(run(tmp_path / "there", "seed=1")[0]) != parts_sha(data)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["pictures=x.csv@9:1"], "is not below"),
        (["joined=0"], "joined >= 1"),
        (["test=0.99"], "leave something to learn from"),
        (["llm=http://localhost:1/v1"], "go together"),
        (["llm=localhost", "llm_model=m"], "is no endpoint"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, words: list[str], fault: str) -> None:
    write_tables(tmp_path, tracks=3)
    with pytest.raises(UsageError, match=fault):
        run(tmp_path, *words)


def test_too_little_and_what_is_no_set_is_said(tmp_path: Path) -> None:
    write_tables(tmp_path, tracks=2)
    with pytest.raises(InputError, match=r"2 music could be read.*3 are needed"):
        run(tmp_path)
    with pytest.raises(InputError, match="is no set of pictures and music"):
        read_set(tmp_path / "set")
    write_tables(tmp_path, tracks=4)
    run(tmp_path)
    music = tmp_path / "set" / "music.jsonl"
    music.write_text(music.read_text().replace('"train"', '"learn"'))
    with pytest.raises(InputError, match=r"music.jsonl: line \d+: split is one of"):
        read_set(tmp_path / "set")


def test_the_command_builds(tmp_path: Path) -> None:
    write_tables(tmp_path)
    words = [f"pictures={tmp_path}/pictures.csv", f"music={tmp_path}/music.csv", f"out={tmp_path}/set"]
    result = CliRunner().invoke(app, ["build", "mmva", *words])
    assert result.stdout == f"{tmp_path}/set\n"
    assert "every=1" in CliRunner().invoke(app, ["build", "mmva", "--show"]).stdout
