"""Pictures of a slideshow that change on beats: when, what stays as it was, and that sounds move with their films."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from jobs import score_fakes
from jobs.score_fakes import Shelf, make_models, plan, video, voice
from storysound.cue.exits import story_beats_s
from storysound.cue.score import Scene, Score
from storysound.cue.sheet import read_json
from storysound.errors import UsageError
from storysound.jobs.plan import plan as planning
from storysound.jobs.plan.request import PlanOptions, ReplanRequest
from storysound.jobs.plan.to_beat import Beats, Shown, beats_of, changes_on_beats, moved_scenes
from storysound.media import rhythm
from storysound.media.arrays import Doubles
from storysound.progress import Watch
from storysound.story import Mood, Sound, Span

sounds = score_fakes.sounds  # fixture
EVERY_HALF = np.arange(0.2, 60, 0.5)
NONE = np.empty(0)


def beats(beats_s: Doubles = EVERY_HALF, turns_s: tuple[float, ...] = ()) -> Beats:
    return Beats(beats_s, beats_s[::4], np.array(turns_s))


def test_pictures_change_on_beats_and_stay_as_long_as_wished_within_one() -> None:
    shown = [Shown(length_s) for length_s in (4.0, 5.3, 4.4, 6.1, 4.0, 5.0)]
    starts = changes_on_beats(shown, beats())
    assert starts[0] == 0.0
    assert starts[-1] == pytest.approx(28.8)
    assert all(np.abs(EVERY_HALF - start).min() < 1e-9 for start in starts[1:-1])
    assert np.abs(np.diff(starts) - [one.length_s for one in shown]).max() <= 0.52


def test_of_beats_as_near_bars_are_taken() -> None:
    starts = changes_on_beats([Shown(4.1)] * 7, beats())
    bars = EVERY_HALF[::4]
    assert sum(np.abs(bars - start).min() < 1e-9 for start in starts[1:-1]) >= 4


def test_a_film_plays_whole_and_a_picture_changes_with_the_music() -> None:
    shown = [Shown(4.0), Shown(3.37, is_film=True), Shown(5.0), Shown(4.0)]
    starts = changes_on_beats(shown, beats())
    assert 3.37 - 1e-6 <= starts[2] - starts[1] <= 3.37 + 1.0
    starts = changes_on_beats(shown, beats(turns_s=(12.05,)))
    assert starts[3] == 12.05


def test_what_no_beat_is_near_stays_and_short_pictures_are_not_lost() -> None:
    shown = [Shown(6.0), Shown(6.0), Shown(6.0)]
    assert changes_on_beats(shown, Beats(NONE, NONE, NONE)).tolist() == [0.0, 6.0, 12.0, 18.0]
    starts = changes_on_beats(shown, beats(np.arange(0.1, 8.0, 0.5)))
    assert starts[2] == 12.0
    fast = changes_on_beats([Shown(0.4)] * 20, beats(np.arange(0.1, 8.0, 1.0)))
    assert (np.diff(fast) > 0.15).all()


def test_scenes_move_with_their_pictures() -> None:
    scene = Scene(4.0, 10.0, Mood(0.5, 0.5), "", (Span(4.0, 7.0), Span(7.0, 10.0)), theme=2)
    before = [Span(0.0, 4.0), Span(4.0, 7.0), Span(7.0, 10.0)]
    after = [Span(0.0, 4.5), Span(4.5, 7.5), Span(7.5, 10.0)]
    (moved,) = moved_scenes([scene], before, after)
    assert moved == replace(scene, start_s=4.5, shots=(Span(4.5, 7.5), Span(7.5, 10.0)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two red pictures, a film of 3.3 s in which somebody speaks, and a red picture."""
    folder = tmp_path / "trip"
    folder.mkdir()
    for number in (1, 2, 4):
        Image.new("RGB", (160, 90), (220, 10 * number, 10)).save(folder / f"{number}.png")
    video(folder / "3.mp4", [0], 3.3, voice(3.3, (Span(0.0, 3.3),)))
    return folder


def off_beats_s(score: Score) -> list[float]:
    """How far each change of picture lies from a beat of the music: each half second of each track."""
    heard = [story_beats_s(cue.pieces, np.arange(0, 12, 0.5)) for cue in score.cues if cue.layer == "music"]
    at = np.concatenate(heard)
    return [float(np.abs(at - still.start_s).min()) for still in score.slideshow.stills[1:]]  # type: ignore[union-attr]


def test_a_slideshow_is_planned_to_the_beat(folder: Path, sounds: list[Sound], tmp_path: Path) -> None:
    models = make_models(detector=score_fakes.Louder())
    plain = plan(Shelf(sounds), models, folder, tmp_path / "plain.json", seconds=3.3).score
    result = plan(Shelf(sounds), models, folder, tmp_path / "cues.json", seconds=3.3, to_beat=True)
    score = result.score
    assert score.duration_s == plain.duration_s
    assert max(off_beats_s(score)) < 0.03 < max(off_beats_s(plain))
    stills = score.slideshow.stills  # type: ignore[union-attr]
    assert stills[2].is_film
    assert stills[2].end_s - stills[2].start_s >= 3.3 - 1e-6
    edges = {0.0, *(still.end_s for still in stills)}
    assert {scene.start_s for scene in score.scenes} <= edges
    # What is said in the film is heard with its pictures.
    assert min(span.start_s for span in score.speech) == pytest.approx(stills[2].start_s, abs=1.0)
    assert score.wishes.to_beat
    with patch.object(planning, "finder_of", lambda *_: (Shelf(sounds), None)):
        again = planning.run_again(ReplanRequest(tmp_path / "cues.json"), models, Watch()).score
    assert max(off_beats_s(again)) < 0.03
    assert read_json(tmp_path / "cues.json").wishes.to_beat


def test_the_sheet_says_who_counts(folder: Path, sounds: list[Sound], tmp_path: Path) -> None:
    """Who hears no beat leaves the pictures where they were, now and when the sheet is planned anew."""

    class Deaf:
        def bars(self, _: rhythm.Spectrogram) -> None:
            return None

    models = make_models(detector=score_fakes.Louder())
    models.get("beatnet", lambda _: Deaf())
    sheet = tmp_path / "cues.json"
    result = plan(Shelf(sounds), models, folder, sheet, seconds=3.3, to_beat=True, beats="beatnet")
    assert "the music has no beat: pictures change as without `to_beat`" in result.notes
    assert read_json(sheet).wishes.beats == "beatnet"
    with patch.object(planning, "finder_of", lambda *_: (Shelf(sounds), None)):
        again = planning.run_again(ReplanRequest(sheet), models, Watch())
    assert "the music has no beat: pictures change as without `to_beat`" in again.notes


def test_what_is_not_of_pictures_or_has_no_music_is_refused(folder: Path, sounds: list[Sound], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="to_beat: goes by the music"):
        PlanOptions(to_beat=True, music=False)
    film = video(tmp_path / "film.mp4", [0], 3.0, None)
    with pytest.raises(UsageError, match="to_beat: is for folders of pictures"):
        plan(Shelf(sounds), make_models(), film, tmp_path / "cues.json", to_beat=True)


def test_beats_of_cues_come_together() -> None:
    assert beats_of([]).beats_s.tolist() == []
