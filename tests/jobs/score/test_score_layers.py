"""Which music and effects are laid under a story, and where it is left without them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import score_fakes
from jobs.score_fakes import SPEECH, Listener, Shelf, make_tools, packets, video
from storysound.cue.mix import RATE_HZ
from storysound.jobs.find.find import Hit
from storysound.jobs.score import score as job
from storysound.jobs.score.choice import CROSS_S
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.loudness import integrated_lufs
from storysound.story import Event, Sound, Span

sounds, short, talking = score_fakes.sounds, score_fakes.short, score_fakes.talking  # fixtures


class Doubter(Listener):
    """Agrees with nothing."""

    def agreement(self, footage: Any, understood: Any, unit: int, wave: Waveform) -> float:
        return 0.0


class Discerning(Listener):
    """Agrees with the short knock of the library, not with the clip's own six seconds."""

    def agreement(self, footage: Any, understood: Any, unit: int, wave: Waveform) -> float:
        return 5.0 * (wave.duration_s < 1)


def test_effects_that_do_not_sound_like_what_is_seen_are_left_out(sounds: list[Sound], tmp_path: Path) -> None:
    story = video(tmp_path / "in.mp4", [1], 3.0, None)
    scored = job.score(story, tmp_path / "out.mp4", make_tools(Shelf(sounds), listener=Doubter))
    assert [cue.layer for cue in scored.sheet.cues] == ["music"]


def test_the_knock_is_not_heard_twice(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    """Red scenes ask for a knock; where the clip's own sound agrees already, none is added."""
    once = job.score(short, tmp_path / "a.mp4", make_tools(Shelf(sounds), listener=Discerning))
    twice = job.score(short, tmp_path / "b.mp4", make_tools(Shelf(sounds)))
    assert [cue.sound.path for cue in once.sheet.cues if cue.layer == "spot"] == ["knock.wav"]
    assert not [cue for cue in twice.sheet.cues if cue.layer == "spot"]


def test_no_music_is_laid_where_the_clip_has_its_own(talking: Path, sounds: list[Sound], tmp_path: Path) -> None:
    tools = make_tools(Shelf(sounds), speech=SPEECH, music=(Span(2.6, 4.0),))
    scored = job.score(talking, tmp_path / "a.mp4", tools, job.Options(effects=False))
    assert not scored.sheet.stepped_aside
    assert min(cue.start_s for cue in scored.sheet.cues) == pytest.approx(4.0 - CROSS_S / 2)
    assert any("music of its own at 0:02.6–0:04" in note for note in scored.notes)
    anew = job.score(talking, tmp_path / "b.mp4", tools, job.Options(effects=False, replace=True))
    assert min(cue.start_s for cue in anew.sheet.cues) == 0
    assert not any("music of its own" in note for note in anew.notes)


@pytest.mark.parametrize(
    ("heard", "is_added"),
    [
        (Event(0.0, 2.0, "Knock", 0.8), False),
        (Event(0.0, 2.0, "Door", 0.8), False),  # a knock is a special case of it
        (Event(0.0, 2.0, "Rain", 0.8), True),
        (Event(4.0, 5.0, "Knock", 0.8), True),  # that is another one
    ],
)
def test_what_is_heard_in_the_clip_is_not_added(
    heard: Event, is_added: bool, short: Path, sounds: list[Sound], tmp_path: Path
) -> None:
    class Knocks(Shelf):
        def search(self, *args: Any, **more: Any) -> tuple[Hit, ...]:
            knock = (Event(0, 0.4, "Knock", 0.8),)
            return tuple(replace(hit, events=knock) for hit in super().search(*args, **more))

    tools = replace(make_tools(Knocks(sounds), listener=Discerning), events=lambda wave: (heard,))
    scored = job.score(short, tmp_path / "a.mp4", tools)
    assert bool([cue for cue in scored.sheet.cues if cue.layer == "spot"]) == is_added


def test_an_effect_begins_where_it_is_heard(sounds: list[Sound], tmp_path: Path) -> None:
    """Two seconds of near silence and a thump of another kind go before the knock that was found."""
    rng = np.random.default_rng(0)
    samples = 1e-4 * rng.standard_normal((2, 5 * RATE_HZ))
    for at_s, level in ((1.0, 0.2), (3.0, 0.3)):
        samples[:, round(at_s * RATE_HZ) : round((at_s + 0.3) * RATE_HZ)] += level * rng.standard_normal(
            (2, round(0.3 * RATE_HZ))
        )
    write_wav(tmp_path / "knock.wav", Waveform(samples.astype(np.float32), RATE_HZ))
    knock = replace(sounds[4], root=str(tmp_path), duration_s=5.0)

    class Pointed(Shelf):
        def search(self, *args: Any, **more: Any) -> tuple[Hit, ...]:
            found = super().search(*args, **more)
            return tuple(replace(h, start_s=2.88, end_s=3.36) if h.sound is knock else h for h in found)

    story = video(tmp_path / "in.mp4", [0], 6.0, None)
    scored = job.score(story, tmp_path / "o.mp4", make_tools(Pointed([*sounds[:3], knock])), job.Options(music=False))
    (cue,) = scored.sheet.cues
    (piece,) = cue.pieces
    assert (piece.in_s, piece.out_s) == (pytest.approx(3.0, abs=0.05), pytest.approx(3.3, abs=0.08))


def test_a_clip_with_music_is_left_alone_unless_told(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    tools = make_tools(Shelf(sounds), speech=SPEECH[:1], music=SPEECH[:1])
    aside = job.score(short, tmp_path / "a.mp4", tools)
    assert not aside.sheet.cues
    assert "already has music" in aside.sheet.stepped_aside
    assert aside.sheet.stepped_aside in aside.notes
    wave = read_audio(aside.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert packets(aside.files["video"]) == packets(short)
    anew = job.score(short, tmp_path / "b.mp4", tools, job.Options(replace=True))
    assert not anew.sheet.stepped_aside
    assert [c.layer for c in anew.sheet.cues].count("music") == 1


def test_a_sound_that_has_gone_gives_way_to_its_runner_up(
    short: Path, sounds: list[Sound], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = [Sound("gone.wav", "/nowhere", 12.0, "music", tags=("red",)), *sounds[1:]]
    scored = job.score(short, tmp_path / "o.mp4", make_tools(Shelf(gone)), job.Options(effects=False))
    assert all(cue.sound.path != "gone.wav" for cue in scored.sheet.cues)
    assert any(cue.start_s == 0 for cue in scored.sheet.cues)
    assert "gone.wav" in caplog.text


def test_a_library_without_music_is_said(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    scored = job.score(short, tmp_path / "o.mp4", make_tools(Shelf(sounds[3:]), speech=SPEECH[:1]))
    assert any("no music was added" in note for note in scored.notes)
