"""Audible video that is made here, of one colour and one tone each, judged by encoders that know three of either."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from imagebind_fakes import tiny_weights
from recipe_fakes import listening, models_of
from storysound.encode import encoder
from storysound.encode.encoder import Encoding, Head, Modality, Traits
from storysound.errors import InputError, UsageError
from storysound.media.audio import Waveform, read_audio
from storysound.media.video import iter_shown
from storysound.metrics.frechet import frechet_distance
from storysound.metrics.kernel import kernel_distance
from storysound.metrics.table import Row
from storysound.metrics.video_features import moving_features
from storysound.nn.i3d import I3D
from storysound.nn.vggish import Vggish
from storysound.progress import Watch
from storysound.research import recipes
from storysound.research.tavg.clips import Observer
from storysound.research.tavg.evaluate import evaluate
from storysound.research.tavg.imagebind import read_imagebind
from storysound.research.tavg.settings import TAVG_TABLE, TavgEvaluation

COLOURS = ("red", "green", "blue")
TONES_HZ = (300.0, 1000.0, 3000.0)
FPS, SECONDS, RATE_HZ = 25, 5.0, 16_000


class _Fake:
    revision = "fake"
    labels: Mapping[str, tuple[str, ...]] = {}
    traits = Traits()
    modality: Modality = "text"
    dim = 3

    def __init__(self, name: str) -> None:
        self.name = name


class Eyes(_Fake):
    """Say the mean colour, and how much of the three it has."""

    modality, labels = "image", {"imagenet": COLOURS}
    looked = 0

    def encode(self, items: Sequence[Any]) -> list[Encoding]:
        Eyes.looked += len(items)
        means = [item.reshape(-1, 3).mean(axis=0, keepdims=True).astype(np.float32) / 255 for item in items]
        return [Encoding(mean, {"imagenet": mean / mean.sum()}) for mean in means]


class Ears(_Fake):
    """Say every half second how much of each tone there is; as logits too."""

    modality, labels = "audio", {"imagenet": COLOURS}
    traits = Traits(space="minilm", heads={"imagenet": Head(logits=True)})

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        return [self._heard(item) for item in items]

    def _heard(self, wave: Waveform) -> Encoding:
        step = wave.rate_hz // 2
        rows = []
        for start in range(0, max(1, wave.samples.shape[1] - step // 2), step):
            part = wave.samples[0, start : start + step]
            power = np.abs(np.fft.rfft(part)) ** 2
            bins = np.fft.rfftfreq(len(part), 1 / wave.rate_hz)
            rows.append([power[np.abs(bins - tone) < 100].sum() for tone in TONES_HZ])
        shares = np.array(rows) / np.maximum(np.sum(rows, axis=1, keepdims=True), 1e-12)
        said = shares.astype(np.float32)
        return Encoding(said, {"imagenet": 5 * said}, 0.5)


class Words(_Fake):
    """Know the names of the colours."""

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        found = [np.array([[word in item for word in COLOURS]], np.float32) + 0.01 for item in items]
        return [Encoding((one / np.linalg.norm(one)).astype(np.float32)) for one in found]


class Watcher(_Fake):
    """Says how a video's first and last frames differ in the mean, and how many there are."""

    modality = "video"

    def encode(self, items: Sequence[Any]) -> list[Encoding]:
        means = [item.reshape(len(item), -1, 3).mean(axis=1) for item in items]
        return [Encoding(np.array([[*(one[-1] - one[0])[:2], len(one)]], np.float32)) for one in means]


FAKES = {"videomae": Watcher, "minilm": Words, "efficientnet_lite2": Eyes, "ears": Ears, "soundnet": Ears}


@pytest.fixture(autouse=True)
def encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "load", lambda name, _: FAKES[name](name))


def film(path: Path, colour: int, tone: int | None, seed: int = 0, seconds: float = SECONDS) -> None:
    """A square of one colour that leaps whenever its tone begins; without sound where `tone` is None, silent if -1."""
    dice = np.random.default_rng(seed)
    starts, levels = np.sort(dice.uniform(0.2, seconds - 0.2, 6)), dice.integers(150, 230, 7)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv444p"
        audio = None if tone is None else out.add_stream("pcm_s16le", rate=RATE_HZ, layout="mono")
        for number in range(round(seconds * FPS)):
            rgb = np.full((64, 96, 3), 20, np.uint8)
            leaps = int(np.searchsorted(starts, number / FPS))
            left = leaps * 37 % 64
            rgb[16:48, left : left + 32, colour] = levels[leaps]
            out.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(video.encode(None))
        if audio is None or tone is None:
            return
        times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        since = times - np.concatenate([[0.0], starts])[np.searchsorted(starts, times, side="right")]
        loud = np.exp(-6 * since) if tone >= 0 else 0 * since
        wave = (16_000 * loud * np.sin(2 * np.pi * TONES_HZ[tone] * times)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        out.mux(audio.encode(frame))
        out.mux(audio.encode(None))


def folders(tmp_path: Path, fits: bool = True, count: int = 8) -> TavgEvaluation:
    """Real videos whose colours and tones go together, and generated ones whose do if `fits`."""
    (tmp_path / "made").mkdir()
    (tmp_path / "real").mkdir()
    for number in range(count):
        kind = number % 3
        film(tmp_path / "real" / f"{number} {COLOURS[kind]}.mov", kind, kind, number)
        film(tmp_path / "made" / f"{number} {COLOURS[kind]}.mkv", kind, kind if fits else (kind + 1) % 3, 50 + number)
    return TavgEvaluation(tmp_path / "made", tmp_path / "real", draws=20)


def judged(recipe: TavgEvaluation, lines: list[str] | None = None) -> dict[str, Row]:
    watch = Watch() if lines is None else listening(lines)
    return {row.model: row for row in evaluate(recipe, models_of(), watch)}


def test_every_column_is_filled_and_says_what_it_depends_on(tmp_path: Path) -> None:
    said: list[str] = []
    rows = judged(folders(tmp_path), said)
    ours, real = rows["made"], rows["real videos"]
    assert {"fvd", "kvd", "clipsim", "fad", "avh", "javis", "in_step", "offset_ms", "strength"} <= ours.figures.keys()
    assert ours.figures.keys() <= {column.key for column in TAVG_TABLE.columns}
    assert ours.n == real.n == 8
    for word in ("efficientnet_lite2 fake", "ears fake", "minilm", "5 frames a second", "[-1, 1]", "fvd 8", "seed 0"):
        assert word in ours.protocol
    assert any("frames a second" in line for line in said)
    assert ours.figures["avh"] > 0.8
    assert ours.figures["clipsim"] > 0.8
    assert ours.figures["javis"] == pytest.approx(ours.figures["avh"], abs=0.1)
    assert ours.figures["avh"] > rows["made: sounds swapped"].figures["avh"] + 0.3
    low, high = ours.intervals["fvd"]
    assert low <= ours.figures["fvd"] <= high
    assert ours.figures["in_step"] > 0.5
    assert rows["made: half of them"].n == rows["real videos: the other half"].n == 4


def test_sounds_that_dont_fit_are_told_from_those_that_do(tmp_path: Path) -> None:
    rows = judged(folders(tmp_path, fits=False))
    assert rows["made"].figures["avh"] < 0.5 < rows["real videos"].figures["avh"]
    assert rows["made"].figures["javis"] < 0.5 < rows["real videos"].figures["javis"]


def test_classes_of_imagenet_meet_above_what_is_usual(tmp_path: Path) -> None:
    recipe = folders(tmp_path)
    rows = judged(TavgEvaluation(recipe.generated, recipe.reference, both="imagenet", draws=20))
    assert rows["made"].figures["avh"] > rows["made: sounds swapped"].figures["avh"] + 0.3
    assert "efficientnet_lite2 and ears in ImageNet's classes" in rows["made"].protocol


def test_distances_are_those_of_what_encoders_say(tmp_path: Path) -> None:
    recipe = folders(tmp_path)
    observer = Observer(recipe, models_of())
    made, real = ([observer.look(path) for path in sorted(folder.iterdir())]
                  for folder in (recipe.generated, recipe.reference))  # fmt: skip
    figures = judged(recipe)["made"].figures
    videos = [np.stack([clip.video for clip in clips]) for clips in (made, real)]
    sounds = [np.concatenate([clip.moments for clip in clips]) for clips in (made, real)]
    assert figures["fvd"] == pytest.approx(frechet_distance(*videos), rel=1e-6)
    assert figures["kvd"] == pytest.approx(kernel_distance(*videos), rel=1e-6)
    assert figures["fad"] == pytest.approx(frechet_distance(*sounds), rel=1e-6)
    assert len(made[0].times_s) == round(SECONDS * recipe.frames_per_s)
    first = sorted(recipe.generated.iterdir())[0]
    looked = [shown.rgb(512) for shown in iter_shown(first) if any(abs(made[0].times_s - shown.time_s) < 1e-6)]
    said = np.concatenate([one.embedding for one in Eyes("eyes").encode(looked)])
    np.testing.assert_allclose(made[0].video, moving_features(said), rtol=1e-6)
    assert "fad_inf" in figures  # 80 moments of 3 numbers
    assert "fvd_inf" not in figures  # 8 videos of 6


def test_whole_videos_are_compared_by_whoever_is_asked(tmp_path: Path) -> None:
    recipe = replace(folders(tmp_path), video="videomae")
    said: list[str] = []
    ours = judged(recipe, said)["made"]
    vectors = []
    for folder in (recipe.generated, recipe.reference):
        rows = []
        for path in sorted(folder.iterdir()):
            shown = [frame.rgb(512) for frame in iter_shown(path)][::5]  # five of 25 a second
            rows.append(Watcher("w").encode([np.stack(shown)])[0].embedding[0].astype(float))
        vectors.append(np.stack(rows))
    assert ours.figures["fvd"] == pytest.approx(frechet_distance(*vectors), rel=1e-5)
    assert ours.figures["kvd"] == pytest.approx(kernel_distance(*vectors), rel=1e-5)
    assert "FVD, KVD: videomae fake, 3 numbers, the mean over stretches" in ours.protocol
    plain = judged(replace(recipe, video="frames"))["made"]
    assert plain.figures["fvd"] != pytest.approx(ours.figures["fvd"], rel=1e-3)
    assert plain.figures["avh"] == pytest.approx(ours.figures["avh"])


def test_i3d_is_read_from_a_file(tmp_path: Path) -> None:
    recipe = folders(tmp_path, count=4)
    torch.manual_seed(0)
    torch.save(I3D(5).state_dict(), tmp_path / "i3d.pt")
    ours = judged(replace(recipe, video=f"i3d={tmp_path / 'i3d.pt'}", longest_s=0.5))["made"]
    assert "FVD, KVD: i3d " in ours.protocol
    assert ", 5 numbers, the mean over stretches" in ours.protocol
    with pytest.raises(InputError, match="holds no weights of I3D"):
        judged(replace(recipe, video=f"i3d={sorted(recipe.generated.iterdir())[0]}"))


def test_sounds_are_judged_by_a_file_of_vggish(tmp_path: Path) -> None:
    recipe = folders(tmp_path, count=4)
    torch.save(Vggish((1, 1, 1, 1, 1, 1), 4, 3).state_dict(), tmp_path / "vggish.pth")
    ours = judged(replace(recipe, sound=f"vggish={tmp_path / 'vggish.pth'}"))["made"]
    assert re.search(r"FAD: vggish [0-9a-f]{12}-1, 3 numbers a moment", ours.protocol)


def test_frames_meet_sounds_in_imagebind(tmp_path: Path) -> None:
    """AVHScore is Eq. 1: the mean over frames of cosines with the whole sound, here of one clip after another."""
    recipe = folders(tmp_path, count=4)
    torch.save(tiny_weights(), tmp_path / "imagebind.pth")
    recipe = replace(recipe, both=f"imagebind={tmp_path / 'imagebind.pth'}", frames_per_s=1.0)
    rows = judged(recipe)
    both, scores = read_imagebind(tmp_path / "imagebind.pth"), []
    for path in sorted(recipe.generated.iterdir()):
        shown = [frame.rgb(512) for frame in iter_shown(path)][::25]
        sound = both.ears.encode([read_audio(path, channels=1)])[0].embedding[0]
        frames = np.concatenate([said.embedding for said in both.eyes.encode(shown)])
        scores.append(np.mean(frames @ sound) / np.linalg.norm(sound))
    assert rows["made"].figures["avh"] == pytest.approx(np.mean(scores), abs=1e-4)
    assert "both sides of imagebind " in rows["made"].protocol


def test_texts_come_from_a_table_beside_the_videos(tmp_path: Path) -> None:
    recipe = folders(tmp_path)
    names = sorted(file.name for file in recipe.generated.iterdir())
    wrong = "".join(f"{name},{COLOURS[(i + 1) % 3]} things\n" for i, name in enumerate(names[1:], start=1))
    (recipe.generated / "texts.csv").write_text("file,caption\n" + wrong)
    said: list[str] = []
    rows = judged(recipe, said)
    assert rows["made"].figures["clipsim"] < 0.5
    assert "clipsim 7" in rows["made"].protocol
    assert any("1 videos have no text" in line for line in said)
    (recipe.generated / "more.csv").write_text("file,caption\na,b\n")
    with pytest.raises(InputError, match="2 tables"):
        judged(recipe)


def test_what_was_seen_and_heard_is_kept(tmp_path: Path) -> None:
    recipe = folders(tmp_path)
    keeping = TavgEvaluation(recipe.generated, recipe.reference, out=tmp_path / "out", draws=20)
    first = judged(keeping)
    Eyes.looked = 0
    again = judged(keeping)
    assert Eyes.looked == 0
    assert first.keys() == again.keys()
    assert all(again[name].figures == pytest.approx(first[name].figures, rel=1e-6) for name in first)
    assert first["made"].figures == pytest.approx(judged(recipe)["made"].figures, rel=1e-6)


def test_silent_broken_and_unpaired_videos_are_told(tmp_path: Path) -> None:
    recipe = folders(tmp_path)
    made, real = recipe.generated, recipe.reference
    for name, tone in (("mute", None), ("hush", -1)):
        film(made / f"{name} red.mov", 0, tone)
        film(real / f"{name} red.mov", 0, 0)
    film(made / "lonely.mov", 0, 0)
    (made / "broken.mov").write_bytes(b"no video")
    film(real / "broken.mov", 0, 0)
    said: list[str] = []
    rows = judged(recipe, said)
    assert rows["made"].n == 10
    assert "avh 8" in rows["made"].protocol
    assert "fvd 10" in rows["made"].protocol
    told = "\n".join(said)
    assert "1 videos have no other of their name and are left out, as 'lonely.mov'" in told
    assert "2 of 10 videos are silent" in told
    assert "left out: " in told
    assert "broken.mov" in told


def test_videos_without_any_sound_are_judged_as_pictures(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "real").mkdir()
    for number in range(4):
        film(tmp_path / "made" / f"{number}.mov", number % 3, None, number)
        film(tmp_path / "real" / f"{number}.mov", number % 3, number % 3, number)
    for both in ("words", "imagenet"):
        rows = judged(TavgEvaluation(tmp_path / "made", tmp_path / "real", both=both, draws=5))
        assert {"fvd", "kvd"} <= rows["made"].figures.keys()
        assert not {"fad", "avh", "javis", "in_step"} & rows["made"].figures.keys()
        assert {"avh", "javis"} <= rows["real videos"].figures.keys()


def test_folders_that_cant_be_judged(tmp_path: Path) -> None:
    recipe = folders(tmp_path, count=3)
    with pytest.raises(InputError, match=r"has 3 videos .*4 at least"):
        judged(recipe)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no videos in it"):
        judged(TavgEvaluation(recipe.generated, tmp_path / "empty"))
    with pytest.raises(InputError, match="can't be read"):
        judged(TavgEvaluation(tmp_path / "nowhere", recipe.reference))
    film(tmp_path / "empty" / "other.mov", 0, 0)
    with pytest.raises(InputError, match="no video is named like one"):
        judged(TavgEvaluation(recipe.generated, tmp_path / "empty"))
    film(tmp_path / "empty" / "other.mkv", 0, 0)
    with pytest.raises(InputError, match="of one name"):
        judged(TavgEvaluation(recipe.generated, tmp_path / "empty"))
    with pytest.raises(UsageError, match="takes text, not sounds"):
        judged(TavgEvaluation(recipe.generated, recipe.reference, sound="minilm"))


def test_encoders_have_to_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = folders(tmp_path, count=3)
    monkeypatch.setattr(Ears, "labels", {})
    with pytest.raises(UsageError, match="doesn't see and hear ImageNet's classes"):
        judged(TavgEvaluation(recipe.generated, recipe.reference, both="imagenet"))
    monkeypatch.setattr(Eyes, "labels", {})
    with pytest.raises(UsageError, match="doesn't see and hear words"):
        judged(recipe)


def test_settings_are_checked() -> None:
    kind = recipes.of_name(recipes.EVALUATIONS, "tavg").recipe
    wrong_encoders = ("both=imagebind=", "both=neither", "video=eyes", "video=i3d=", "sound=panns=", "sound=clap=a")
    for wrong in (*wrong_encoders, "frames_per_s=0", "longest_s=-1", "draws=0"):
        with pytest.raises(UsageError):
            recipes.settings(kind, ["generated=a", "reference=b", wrong])
    assert recipes.settings(kind, ["generated=a", "reference=b", "video=i3d=c.pt"]).video == "i3d=c.pt"


def test_the_published_table_stands_beside_with_its_errata(tmp_path: Path) -> None:
    recipe = folders(tmp_path, count=4)
    said: list[str] = []
    evaluation = recipes.of_name(recipes.EVALUATIONS, "tavg")
    rows = recipes.beside_published(evaluation, list(judged(recipe, said).values()))
    ours = {row.data: row for row in rows if row.model.startswith("TAVDiffusion, ")}
    assert ours["TAVGBench, 3,000 samples"].figures["fvd"] == 516.56
    assert ours["FAVDBench, 1,000 samples"].figures["avh"] == pytest.approx(0.2906)
    assert any("errata 1, 3" in line for line in said)
    assert sum("(published)" in row.model for row in rows) == 8
