"""The training of the paper's TAVDiffusion, end to end in miniature on two films of one tone each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storysound.errors import InputError, MissingModelError
from storysound.generate.video.tavdiffusion import TavParts, read_tav
from storysound.ingest.clip_tables import TableClip
from storysound.media.audio import Waveform
from storysound.media.film.made_films import ShotWriter
from storysound.progress import Progress, Watch
from storysound.research.tavg.settings import TavTraining
from storysound.research.tavg.train import FOLDER, ClipReader, clips_of, train
from tavdiffusion_fakes import FRAMES
from video_fakes import FORM, RATE_HZ, save_audioldm_sound, save_stable_diffusion, tiny_tav

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

NOBODY: Any = None  # no encoders are needed


def written(folder: Path, names: tuple[str, ...] = ("one", "two", "three")) -> Path:
    """Films of two seconds, darker and lower from one to the next, and their table."""
    folder.mkdir()
    for number, name in enumerate(names):
        frames = np.full((16, 32, 48, 3), 40 + 60 * number, np.uint8)
        frames[8:] += 30
        tone = 0.3 * np.sin(2 * np.pi * 50 * (number + 1) * np.arange(16_000) / 8000)
        with ShotWriter(str(folder), {}) as film:
            film.add(frames, 8.0, Waveform(tone[None].astype(np.float32), 8000))
            film.finish(folder / f"{name}.mp4")
    rows = [f"{name},{start},film {name}" for name in (*names, "lost") for start in (0, 1)]
    table = folder / "clips.csv"
    table.write_text("\n".join(["id,start,caption", *rows]) + "\n")
    return table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("films") / "media")


def recipe(table: Path, scratch: Path, **given: object) -> TavTraining:
    sizes = {"height": FORM.height, "width": FORM.width, "frames": FRAMES, "seconds": FORM.seconds}
    begin = {"seeing": scratch / "sd15", "hearing": scratch / "audioldm", "out": scratch / "run"}
    short = {"columns": FORM.columns, "bands": FORM.bands, "heads": 2, "steps": 1, "held_out": 0.3, "judged": 2}
    return TavTraining(table, table.parent, **{**begin, **sizes, **short, **given})  # type: ignore[arg-type]


def test_a_run_is_made_goes_on_and_makes_clips(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    save_stable_diffusion(tmp_path / "sd15")
    save_audioldm_sound(tmp_path / "audioldm")
    told: list[str] = []

    def report(at: Progress) -> None:
        told.extend([at.line] if at.line else [])

    train(recipe(table, tmp_path), NOBODY, Watch(report))
    assert "6 clips; 2 have no file in " + str(table.parent) in told
    assert any(line.startswith("video: loaded") for line in told), "what came of Stable Diffusion"
    made = read_tav(tmp_path / "run" / FOLDER)
    assert made.form == FORM
    assert made.make("film one", 0, lambda: None, steps=1).frames.shape == (FRAMES, FORM.height, FORM.width, 3)
    told.clear()
    train(recipe(table, tmp_path, steps=2), NOBODY, Watch(report))
    assert any("going on at step 1" in line for line in told)
    with pytest.raises(InputError, match="other settings: share"):
        train(recipe(table, tmp_path, steps=2, share=0.2), NOBODY, Watch())
    more = recipe(table, tmp_path, seeing=None, hearing=None, model=tmp_path / "run" / FOLDER, out=tmp_path / "more")
    train(more, NOBODY, Watch())
    assert (tmp_path / "more" / FOLDER / "tavdiffusion.json").exists()


def test_clips_are_read_from_their_start(table: Path, tmp_path: Path) -> None:
    parts: TavParts = tiny_tav(tmp_path)
    reader = ClipReader(parts)
    first, later = (TableClip("one", at, str(table.parent / "one.mp4"), at, at + 1, ("film one",)) for at in (0.0, 1.0))
    dark, light = reader.pictures(first), reader.pictures(later)
    assert dark.shape == light.shape == (FRAMES, FORM.height, FORM.width, 3)
    assert light.mean() - dark.mean() == pytest.approx(30, abs=4)
    mels = reader.mels(first)
    assert mels.shape == (FORM.columns, FORM.bands)
    assert reader.bands.rate_hz == RATE_HZ
    past = TableClip("one", 1.5, str(table.parent / "one.mp4"), 1.5, 2.5, ("film one",))
    assert (reader.pictures(past)[-1] == reader.pictures(past)[-2]).all(), "the last frame stays"
    assert reader.mels(past)[-2].max() < mels[5].max() - 3, "silence follows"
    batch = reader.batch([first, later], ["film one", ""], 0, torch.device("cpu"))
    assert batch.video.shape == (2, FRAMES, 4, 4, 6)
    assert batch.audio.shape == (2, 8, 8, 4)
    assert (batch.context[0] != batch.context[1]).any()


def test_videos_are_held_out_whole_or_as_the_table_says(table: Path, tmp_path: Path) -> None:
    learned, out = clips_of(recipe(table, tmp_path), Watch())
    assert {clip.source for clip in learned}.isdisjoint({clip.source for clip in out})
    assert len(learned) + len(out) == 6
    split = table.with_name("split.csv")
    split.write_text("id,start,caption,split\none,0,a,train\ntwo,0,b,test\nthree,0,c,val\n")
    learned, out = clips_of(recipe(split, tmp_path), Watch())
    assert [clip.source for clip in learned] == ["one"]
    split.write_text("id,start,caption\nnowhere,0,a\n")
    with pytest.raises(InputError, match="no clips to learn from"):
        clips_of(recipe(split, tmp_path), Watch())


def test_what_makes_no_sense_is_refused(table: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="or model in place of both"):
        recipe(table, tmp_path, model=tmp_path)
    with pytest.raises(ValueError, match="batch of 2 or more with alignment"):
        recipe(table, tmp_path, batch=1)
    with pytest.raises(MissingModelError):
        train(recipe(table, tmp_path), NOBODY, Watch())
