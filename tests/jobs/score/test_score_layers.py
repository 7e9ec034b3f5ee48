"""Which music and effects are laid under a story, and where it is left without them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs import score_fakes
from jobs.score_fakes import SPEECH, TONE_HZ, FakeEars, Shelf, make_models, packets, plan, score, video, voice
from storysound.annotate.own_sound import SMOOTH_S
from storysound.errors import LibraryError
from storysound.jobs.plan.choice import CROSS_S
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.loudness import integrated_lufs
from storysound.story import Event, Sound, Span

sounds, short = score_fakes.sounds, score_fakes.short  # fixtures


def doubting() -> FakeEars:
    """Agrees with nothing."""
    return FakeEars(lambda wave: 0.0)


def discerning(tone: str = "") -> FakeEars:
    """Agrees with the short knock of the library, not with the clip's own six seconds; has an ear for whole clips."""
    return FakeEars(lambda wave: float(wave.duration_s < 1), tone, least_s=10.0)


def with_tone(wave: Waveform, *spans: Span) -> Waveform:
    """A clip's sound with the tone in it that `FakeEars` can be told to hear."""
    t = np.arange(wave.samples.shape[1]) / RATE_HZ
    is_on = np.any([(t >= span.start_s) & (t < span.end_s) for span in spans], axis=0)
    played = 0.1 * is_on * np.sin(2 * np.pi * TONE_HZ * t)
    return Waveform(wave.samples + played.astype(np.float32), RATE_HZ)


def test_effects_that_do_not_sound_like_what_is_seen_are_left_out(sounds: list[Sound], tmp_path: Path) -> None:
    story = video(tmp_path / "in.mp4", [1], 3.0, None)
    planned = plan(Shelf(sounds), make_models(doubting()), story, tmp_path / "cues.json")
    assert [cue.layer for cue in planned.score.cues] == ["music"]


def test_the_knock_is_not_heard_twice(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    """Red scenes ask for a knock; where the clip's own sound agrees already, none is added."""
    once = plan(Shelf(sounds), make_models(discerning()), short, tmp_path / "a.json")
    twice = plan(Shelf(sounds), make_models(), short, tmp_path / "b.json")
    assert [cue.sound.path for cue in once.score.cues if cue.layer == "spot"] == ["knock.wav"]
    assert not [cue for cue in twice.score.cues if cue.layer == "spot"]


def test_no_music_is_laid_where_the_clip_has_its_own(sounds: list[Sound], tmp_path: Path) -> None:
    sound = with_tone(voice(17.0, SPEECH), Span(0.0, 5.0))
    story, models = video(tmp_path / "in.mp4", [0], 17.0, sound), make_models(FakeEars(tone="Music"))
    planned = plan(Shelf(sounds), models, story, tmp_path / "a.json", effects=False)
    assert not planned.score.stepped_aside
    (own,) = planned.score.own_music
    assert own.end_s == pytest.approx(5.0, abs=SMOOTH_S / 2)
    assert min(cue.start_s for cue in planned.score.cues) == pytest.approx(own.end_s - CROSS_S / 2)
    assert any("music of its own at 0:00" in note for note in planned.notes)
    anew = plan(Shelf(sounds), models, story, tmp_path / "b.json", effects=False, replace=True)
    assert min(cue.start_s for cue in anew.score.cues) == 0
    assert not any("music of its own" in note for note in anew.notes)
    assert anew.story.music == (own,)


@pytest.mark.parametrize(
    ("label", "span", "is_added"),
    [
        ("Knock", Span(0.0, 2.0), False),
        ("Door", Span(0.0, 2.0), False),  # a knock is a special case of it
        ("Rain", Span(0.0, 2.0), True),
        ("Knock", Span(4.0, 5.0), True),  # that is another one
    ],
)
def test_what_is_heard_in_the_clip_is_not_added(
    label: str, span: Span, is_added: bool, sounds: list[Sound], tmp_path: Path
) -> None:
    class Knocks(Shelf):
        def search(self, *args: Any, **more: Any) -> tuple[Hit, ...]:
            knock = (Event(0, 0.4, "Knock", 0.8),)
            return tuple(replace(hit, events=knock) for hit in super().search(*args, **more))

    story = video(tmp_path / "in.mp4", [0, 2], 8.5, with_tone(voice(17.0, SPEECH[:1]), span))
    planned = plan(Knocks(sounds), make_models(discerning(label)), story, tmp_path / "cues.json")
    assert {event.label for event in planned.story.events} == {label}
    assert bool([cue for cue in planned.score.cues if cue.layer == "spot"]) == is_added


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
    planned = plan(Pointed([*sounds[:3], knock]), make_models(), story, tmp_path / "cues.json", music=False)
    (cue,) = planned.score.cues
    (piece,) = cue.pieces
    assert (piece.in_s, piece.out_s) == (pytest.approx(3.0, abs=0.05), pytest.approx(3.3, abs=0.08))


def test_a_clip_with_music_is_left_alone_unless_told(sounds: list[Sound], tmp_path: Path) -> None:
    story = video(tmp_path / "in.mp4", [0], 6.0, with_tone(voice(6.0, SPEECH[:1]), Span(0.0, 5.0)))
    models = make_models(FakeEars(tone="Music"), SPEECH[:1])
    aside = score(Shelf(sounds), models, story, tmp_path / "a.mp4")
    assert not aside.score.cues
    assert "already has music" in aside.score.stepped_aside
    assert "--" not in aside.score.stepped_aside
    assert aside.score.stepped_aside in aside.notes
    wave = read_audio(aside.files["video"])
    assert integrated_lufs(wave) == pytest.approx(-16, abs=1)
    assert packets(aside.files["video"]) == packets(story)
    anew = plan(Shelf(sounds), models, story, tmp_path / "b.json", replace=True)
    assert not anew.score.stepped_aside
    assert [c.layer for c in anew.score.cues].count("music") == 1


def test_a_sound_that_has_gone_gives_way_to_its_runner_up(
    short: Path, sounds: list[Sound], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = [Sound("gone.wav", sounds[0].root, 12.0, "music", tags=("red",)), *sounds[1:]]
    planned = plan(Shelf(gone), make_models(), short, tmp_path / "cues.json", effects=False)
    assert all(cue.sound.path != "gone.wav" for cue in planned.score.cues)
    assert any(cue.start_s == 0 for cue in planned.score.cues)
    assert "gone.wav" in caplog.text


def test_a_folder_of_sounds_that_has_gone_is_said_before_anything_is_made(
    short: Path, sounds: list[Sound], tmp_path: Path
) -> None:
    moved = [Sound("red.wav", "/nowhere", 12.0, "music", tags=("red",)), *sounds[1:]]
    with pytest.raises(LibraryError, match=r"/nowhere: is gone, .* its new place"):
        score(Shelf(moved), make_models(), short, tmp_path / "o.mp4", effects=False)
    assert not list(tmp_path.iterdir())


def test_a_library_without_music_is_said(short: Path, sounds: list[Sound], tmp_path: Path) -> None:
    planned = plan(Shelf(sounds[3:]), make_models(speech=SPEECH[:1]), short, tmp_path / "cues.json")
    assert any("no music was added" in note for note in planned.notes)
