"""Faults that are made are found, each by its kind, and what is good passes; what is simple is mended."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cue.mix_making import cue, noise, sound, talk
from storysound.cue.duck import CHUNK, HOP
from storysound.cue.judge.delivered import FilmSound
from storysound.cue.judge.judge import AUDIBLE_DB, fault_lines, judge, overrun_s, repaired
from storysound.cue.judge.measures import frames_of, offset_s, spectrum, standing
from storysound.cue.judge.probes import MOST_PROBES, Probes
from storysound.cue.levels import Levels
from storysound.cue.master import level
from storysound.cue.mix import stems
from storysound.cue.score import Cue, OtherTrack, Piece, Scene, Score, Verdict
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import STEREO, Waveform, write_wav
from storysound.media.recording import Recording, of_wave
from storysound.story import Mood, Sound, Span

LEVELS = Levels(master_db=0.0)


def music(seconds: float, level: float = 0.1, seed: int = 0) -> Samples:
    """Chords of decaying harmonics, a new one each half second."""
    rng = np.random.default_rng(seed)
    t = np.arange(RATE_HZ // 2) / RATE_HZ
    beats = []
    for _ in range(int(np.ceil(seconds * 2))):
        roots = 110 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16], 3) / 12)
        tones = [np.sin(2 * np.pi * root * k * t + rng.uniform(0, 6)) / k for root in roots for k in range(1, 9)]
        beats.append(np.sum(tones, axis=0) * np.exp(-t / 0.2) * np.minimum(t / 0.005, 1) / 3)
    wave = np.concatenate(beats)[: round(seconds * RATE_HZ)]
    return np.stack([level * wave, level * np.roll(wave, 40)]).astype(np.float32)


def score_of(
    cues: Sequence[Cue], seconds: float = 30.0, speech: Sequence[Span] = (), edges: Sequence[float] = ()
) -> Score:
    """A score with scenes of one shot each, cut at `edges`."""
    times = [0.0, *edges, seconds]
    scenes = tuple(Scene(a, b, Mood(0.5, 0.5), "", (Span(a, b),)) for a, b in itertools.pairwise(times))
    return Score("film", seconds, 25.0, scenes, tuple(cues), tuple(speech), levels=LEVELS)


def rendered(score: Score, original: Recording | None) -> tuple[Samples, Probes]:
    """The mix of a score, and what was taken of its cues on the way."""
    probes = Probes(score.speech, score.layout)
    parts = stems(score, original, probes)
    return np.concatenate([part.sum for part in parts], axis=1), probes


def judged(score: Score, original: Recording | None = None, *, late: int = 0) -> dict[str, Verdict]:
    """Verdicts on what is delivered so many samples late, by cue id."""
    mix, probes = rendered(score, original)
    mix = np.roll(mix, late, axis=1)
    return {one.cue: one for one in judge(score, probes, lambda a, b: padded(mix[:, a:b], b - a))}


def padded(samples: Samples, count: int) -> Samples:
    return np.pad(samples, ((0, 0), (0, count - samples.shape[1])))


def room(seconds: float = 30.0, level: float = 0.02) -> Recording:
    return of_wave(Waveform(noise(seconds, level, 7), RATE_HZ))


def test_good_cues_pass(tmp_path: Path) -> None:
    track, rain, hit = (
        sound(tmp_path, name, samples)
        for name, samples in (
            ("m.wav", music(20.0)),
            ("rain.wav", noise(30.0, 0.02, 3)),
            ("hit.wav", music(0.5, 0.4, 9)),
        )
    )
    cues = [
        cue("music-1", track, 0.0, 12.0, fades_s=(0.05, 1.0)),
        cue("ambience-1", rain, 12.0, 30.0, layer="ambience"),
        cue("spot-1", hit, 14.0, 14.5, layer="spot"),
    ]
    verdicts = judged(score_of(cues, edges=[12.0], speech=[Span(2.0, 4.0)]), talk(30.0, [Span(2.0, 4.0)]))
    assert list(verdicts) == ["music-1", "ambience-1", "spot-1"]
    for verdict in verdicts.values():
        assert verdict.faults == ()
        assert verdict.audible_db > 0
        assert verdict.offset_s == 0.0
        assert verdict.seam < 0.25
        assert verdict.repeat_s is None


@pytest.mark.parametrize("gain_db", [-30.0, -15.0, -4.0, 6.0])
def test_how_audible_a_cue_is_comes_out_as_it_was_made(gain_db: float, tmp_path: Path) -> None:
    """Noise under noise of the same colour stands there by its level in every octave."""
    one = cue("a", sound(tmp_path, "a.wav", noise(30.0, 0.02, 3)), 0.0, 30.0, layer="ambience", gain_db=gain_db)
    verdict = judged(score_of([one]), room())["a"]
    if gain_db > AUDIBLE_DB:
        assert verdict.audible_db == pytest.approx(gain_db, abs=2.0)
        assert verdict.faults == ()
    else:
        assert verdict.audible_db < AUDIBLE_DB - 2
        assert verdict.faults[0].startswith("not heard")


def test_a_cue_in_silence_is_heard_and_silence_is_not(tmp_path: Path) -> None:
    faint = cue("faint", sound(tmp_path, "a.wav", music(5.0, 0.01)), 0.0, 5.0)
    silent = cue("silent", sound(tmp_path, "b.wav", music(5.0, 1e-6)), 6.0, 11.0)
    verdicts = judged(score_of([faint, silent]))
    assert verdicts["faint"].faults == ()
    assert verdicts["silent"].faults[0].startswith("not heard")


def test_a_cue_is_measured_where_nobody_speaks(tmp_path: Path) -> None:
    """Loud talk over all but four seconds: there the bed is heard."""
    speech = [Span(0.0, 20.0), Span(24.0, 30.0)]
    bed = cue("m", sound(tmp_path, "m.wav", music(30.0, 0.02)), 0.0, 30.0)
    assert judged(score_of([bed], speech=speech), talk(30.0, speech, 0.5))["m"].faults == ()
    everywhere = [Span(0.0, 30.0)]
    faults = judged(score_of([bed], speech=everywhere), talk(30.0, everywhere, 0.5))["m"].faults
    assert len(faults) == 1
    assert faults[0].startswith("not heard")


@pytest.mark.parametrize("late", [-4800, -720, -240, 240, 720, 4800])
def test_a_delay_is_measured(late: int, tmp_path: Path) -> None:
    one = cue("m", sound(tmp_path, "m.wav", music(20.0)), 3.0, 23.0)
    verdict = judged(score_of([one]), room(), late=late)["m"]
    assert verdict.offset_s is not None
    assert verdict.offset_s == pytest.approx(late / RATE_HZ, abs=5e-5)
    way = "late" if late > 0 else "early"
    wanted = (f"{abs(late) / 48:.0f} ms too {way}",) if abs(late) > 480 else ()
    assert verdict.faults == wanted


def test_a_cue_that_is_not_in_the_file_is_missed(tmp_path: Path) -> None:
    one = cue("m", sound(tmp_path, "m.wav", music(20.0)), 3.0, 23.0)
    _, probes = rendered(score_of([one]), room())
    other = noise(30.0, 0.02, 8)
    (verdict,) = judge(score_of([one]), probes, lambda a, b: padded(other[:, a:b], b - a))
    assert verdict.offset_s is None
    assert verdict.faults == ("not found in the file",)


def test_coded_sound_is_in_place(tmp_path: Path) -> None:
    """AAC in MP4, as a player decodes it."""
    one = cue("m", sound(tmp_path, "m.wav", music(20.0)), 1.0, 11.0)
    score = score_of([one], 12.0)
    mix, probes = rendered(score, room(12.0))
    with av.open(str(tmp_path / "film.m4a"), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=RATE_HZ, layout="stereo", bit_rate=192_000)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mix), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    (verdict,) = judge(score, probes, FilmSound(tmp_path / "film.m4a").read)
    assert verdict.faults == ()
    assert verdict.offset_s == pytest.approx(0.0, abs=0.0005)


def test_what_a_file_holds_is_read_from_any_place(tmp_path: Path) -> None:
    samples = noise(30.0, 0.1)
    write_wav(tmp_path / "a.wav", Waveform(samples, RATE_HZ))
    read = FilmSound(tmp_path / "a.wav").read
    for start in (29 * RATE_HZ, 0, 5 * CHUNK):
        np.testing.assert_allclose(
            read(start, start + CHUNK), padded(samples[:, start : start + CHUNK], CHUNK), atol=1e-6
        )


# --- seams


def tone(seconds: float, hz: float, level: float) -> Samples:
    return np.tile(level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ), (2, 1)).astype(
        np.float32
    )


@pytest.mark.parametrize(
    "joint_s", [4.0, 2 * CHUNK / RATE_HZ, 2 * CHUNK / RATE_HZ + 0.002, 3 * CHUNK / RATE_HZ - 0.002]
)
def test_a_leap_where_pieces_meet_is_a_seam(joint_s: float, tmp_path: Path) -> None:
    """Half a period of a tone is left out: from the top of one wave to the bottom, with one sample in the middle."""
    whole = tone(20.0, 100.0, 0.4) + music(20.0, 0.02)
    one = cue("m", sound(tmp_path, "m.wav", whole), 0.0, 10.0)
    top_s = round(joint_s * 100 - 0.25) / 100 + 0.0025  # of a wave, near the joint
    cut = replace(one, pieces=(Piece(0.0, top_s, 0.0), Piece(top_s + 0.005, 10.005, top_s)))
    assert judged(score_of([one]), room())["m"].seam < 0.05
    verdict = judged(score_of([cut]), room())["m"]
    assert verdict.seam == pytest.approx(0.4, abs=0.06)
    assert [fault for fault in verdict.faults if fault.startswith("clicks")]


def test_an_edge_without_a_fade_is_a_seam(tmp_path: Path) -> None:
    whole = tone(20.0, 100.0, 0.3) + music(20.0, 0.02)
    hard = cue("m", sound(tmp_path, "m.wav", whole), 1.0, 5.0025, fades_s=(0.0, 0.0))
    assert judged(score_of([hard]), room())["m"].seam == pytest.approx(0.3, abs=0.06)
    soft = replace(hard, fade_in_s=0.01, fade_out_s=0.01)
    assert judged(score_of([soft]), room())["m"].seam < 0.05


def test_a_drum_at_a_joint_is_no_seam(tmp_path: Path) -> None:
    """A burst of noise begins where the pieces meet; the pieces themselves go on without a gap."""
    hits = music(10.0, 0.05)
    start = 4 * RATE_HZ
    hits[:, start : start + 9600] += noise(0.2, 0.4, 5) * np.exp(-np.arange(9600) / 2400).astype(np.float32)
    one = cue("m", sound(tmp_path, "m.wav", hits), 0.0, 9.0)
    joined = replace(one, pieces=(Piece(0.0, 4.0, 0.0), Piece(4.0, 9.0, 4.0)))
    assert float(np.abs(np.diff(hits)).max()) > 0.25
    assert judged(score_of([joined]))["m"].seam == 0.0


# --- repeats


def looped(of: Cue, period_s: float, times: float) -> Cue:
    """The cue playing its first `period_s` again and again, crossfaded by 50 ms."""
    end_s, at_s, pieces = of.start_s + period_s * times, of.start_s, []
    while at_s < end_s - 0.05:
        stop_s = min(at_s + period_s + 0.05, end_s)
        pieces.append(Piece(0.0, stop_s - at_s, at_s))
        at_s += period_s
    return replace(of, end_s=pieces[-1].end_s, pieces=tuple(pieces))


@pytest.mark.parametrize(
    ("made", "period_s", "times", "noticed"),
    [
        (music, 3.0, 5, True),
        (music, 7.77, 3, True),
        (music, 3.0, 2, False),  # heard twice
        (music, 14.0, 3, False),  # too long ago to be remembered
        (noise, 1.0, 10, True),
        (noise, 5.0, 5, False),  # nothing in it that would be known again
    ],
)
def test_a_loop_is_noticed_by_its_period_and_what_is_in_it(
    made: object, period_s: float, times: float, noticed: bool, tmp_path: Path
) -> None:
    samples = music(20.0) if made is music else noise(20.0, 0.1)
    one = looped(cue("a", sound(tmp_path, "a.wav", samples), 0.0, 20.0, layer="ambience"), period_s, times)
    verdict = judged(score_of([one], 50.0))["a"]
    if noticed:
        assert verdict.repeat_s == period_s
        assert verdict.faults == (f"the same {period_s:.1f} s are heard {times} times",)
    else:
        assert verdict.repeat_s is None
        assert verdict.faults == ()


def test_what_comes_again_at_uneven_times_is_no_loop(tmp_path: Path) -> None:
    """As in a walk through a texture, whose jumps back are all of another length."""
    one = cue("a", sound(tmp_path, "a.wav", noise(5.0, 0.1)), 0.0, 6.0, layer="ambience")
    pieces, at_s = [], 0.0
    for in_s, out_s in ((4.0, 4.9), (3.9, 4.9), (3.2, 4.8), (2.1, 4.7), (0.4, 4.6)):
        pieces.append(Piece(in_s, out_s, at_s))
        at_s = pieces[-1].end_s - 0.25
    one = replace(one, end_s=pieces[-1].end_s, pieces=tuple(pieces))
    assert judged(score_of([one], 50.0))["a"].repeat_s is None


# --- what it is made of


def test_noise_is_no_music_but_may_be_ambience(tmp_path: Path) -> None:
    brown = np.cumsum(noise(20.0, 1.0, 2), axis=1)
    brown -= np.stack([np.convolve(row, np.ones(4800) / 4800, "same") for row in brown])
    for number, samples in enumerate((noise(20.0, 0.1), (0.1 * brown / brown.std()).astype(np.float32))):
        hiss = sound(tmp_path, f"{number}.wav", samples)
        score = score_of([cue("m", hiss, 0.0, 10.0), cue("a", hiss, 10.0, 20.0, layer="ambience")])
        assert {key: one.faults for key, one in judged(score).items()} == {"m": ("noise, no music",), "a": ()}


def test_one_tone_is_told_and_a_tune_of_tones_is_not(tmp_path: Path) -> None:
    tune = np.concatenate([tone(0.5, hz, 0.2) for hz in (440, 494, 523, 587, 659, 587, 523, 494) * 3], axis=1)
    score = score_of(
        [
            cue("tone", sound(tmp_path, "a.wav", tone(10.0, 440.0, 0.2)), 0.0, 8.0),
            cue("tune", sound(tmp_path, "b.wav", tune), 8.0, 16.0),
            cue("beep", sound(tmp_path, "c.wav", tone(2.0, 1000.0, 0.2)), 16.0, 17.0, layer="spot"),
        ]
    )
    assert {key: one.faults for key, one in judged(score).items()} == {
        "tone": ("one tone throughout",),
        "tune": (),
        "beep": (),
    }


# --- not over the next scene


def bed(start_s: float, end_s: float, fade_out_s: float = 1.6, name: str = "m") -> Cue:
    return replace(cue(name, Sound("a.wav", "/library", 90.0, "music"), start_s, end_s), fade_out_s=fade_out_s)


def test_music_ends_with_its_scene_and_what_goes_on_is_told() -> None:
    """Scenes of ten seconds; a cue's end is the middle of its fade."""
    over = lambda *cues, **changes: round(  # noqa: E731
        overrun_s(replace(score_of(cues, 40.0, edges=[10.0, 20.0, 30.0]), **changes), cues[0]), 3
    )
    assert over(bed(0.0, 10.8)) == 0.0  # as planned
    assert over(bed(0.0, 12.0)) == 0.0  # within a change
    assert over(bed(0.0, 14.0)) == 3.2
    assert over(bed(0.0, 20.8)) == 0.0  # of both scenes
    assert over(bed(0.0, 17.0)) == 0.0  # of most of the second
    assert over(bed(12.0, 14.0)) == 0.0  # begins in it
    assert over(bed(0.0, 14.0), bed(13.2, 20.8, name="n")) == 0.0  # the next takes over there
    assert over(bed(0.0, 18.0), bed(9.2, 20.8, name="n")) == 7.2  # both at once
    assert over(bed(0.0, 18.0), replace(bed(9.2, 20.8, name="n"), muted=True)) == 0.0
    assert over(bed(0.0, 14.0), own_music=(Span(13.0, 20.0),)) == 0.0  # makes room for the film's own
    assert over(replace(bed(0.0, 14.0), layer="spot")) == 0.0
    assert over(replace(bed(0.0, 12.0, 0.8), layer="ambience")) == 1.6


# --- mending


def test_what_is_simple_is_mended_and_passes_then(tmp_path: Path) -> None:
    faint = cue("faint", sound(tmp_path, "a.wav", noise(30.0, 0.02, 3)), 16.0, 26.0, layer="ambience", gain_db=-11.5)
    lost = cue("lost", sound(tmp_path, "b.wav", noise(30.0, 0.02, 4)), 26.0, 36.0, layer="ambience", gain_db=-40.0)
    long = bed(0.0, 14.0)
    long = replace(long, sound=sound(tmp_path, "m.wav", music(20.0)))
    hard = cue("hard", sound(tmp_path, "t.wav", tone(3.0, 100.0, 0.4)), 37.0, 38.0025, layer="spot", fades_s=(0.0, 0.0))
    score = score_of([faint, lost, long, hard], 40.0, edges=[10.0, 18.0, 26.0, 36.0])
    mended, lines = repaired(score, tuple(judged(score, room(40.0)).values()))
    by_id = {one.id: one for one in mended.cues}
    assert by_id["faint"].gain_db == pytest.approx(-7.5, abs=1.0)
    assert by_id["lost"].muted
    assert by_id["m"].end_s == pytest.approx(10.8)
    assert by_id["m"].pieces[-1].end_s == pytest.approx(10.8)
    assert by_id["hard"].fade_in_s == by_id["hard"].fade_out_s == 0.01
    assert [line.split()[0] for line in lines] == ["faint", "lost", "m", "hard"]
    again = judged(mended, room(40.0))
    assert {key: one.faults for key, one in again.items()} == {"faint": (), "m": (), "hard": ()}
    assert repaired(mended, tuple(again.values())) == (mended, ())


def test_locked_cues_and_what_is_not_simple_stay(tmp_path: Path) -> None:
    hiss = cue("hiss", sound(tmp_path, "a.wav", noise(20.0, 0.1)), 0.0, 10.0)
    lost = cue("lost", sound(tmp_path, "b.wav", noise(30.0, 1e-4, 4)), 10.0, 20.0, layer="ambience")
    score = score_of([hiss, replace(lost, locked=True)])
    verdicts = tuple(judged(score, room()).values())
    assert repaired(score, verdicts) == (score, ())
    first, second = fault_lines(replace(score, verdicts=verdicts))
    assert first == "hiss (a.wav): noise, no music"
    assert second.startswith("lost (b.wav): not heard")


def test_what_is_wrong_on_other_tracks_alone_names_them(tmp_path: Path) -> None:
    hiss = cue("hiss", sound(tmp_path, "a.wav", noise(2.0, 0.1)), 0.0, 2.0)
    score = score_of([hiss, replace(hiss, id="mute", muted=True)])
    main = (Verdict("hiss", 4.0, faults=("noise, no music",)), Verdict("mute", -90.0, faults=("not heard",)))
    other = (Verdict("hiss", -20.0, faults=("noise, no music", "not heard: at best 20 dB under the rest")),)
    tracks = (
        OtherTrack(1, verdicts=(Verdict("hiss", 3.0, faults=("noise, no music",)),)),
        OtherTrack(2, verdicts=other),
    )
    (line,) = fault_lines(replace(score, verdicts=main, tracks=tracks))
    assert line == "hiss (a.wav): noise, no music; on track 3: not heard: at best 20 dB under the rest"
    assert fault_lines(replace(score, tracks=tracks[:1])) == ("hiss (a.wav): on track 2: noise, no music",)


def test_a_mix_is_judged_before_it_is_levelled_as_after(tmp_path: Path) -> None:
    bed_ = cue("m", sound(tmp_path, "m.wav", music(30.0)), 0.0, 20.0, gain_db=-6.0)
    score = score_of([bed_], speech=[Span(2.0, 8.0)])
    original = talk(30.0, score.speech)
    probes = Probes(score.speech, STEREO)
    mastered = level(replace(score, levels=Levels()), original, probes)
    score = replace(score, levels=mastered.levels)
    (before,) = judge(score, probes)
    after = judged(score, original)["m"]
    assert before.offset_s is None
    assert before.audible_db == pytest.approx(after.audible_db, abs=0.5)
    assert before.seam == after.seam


# --- the measures against the obvious


def test_the_loudest_chunks_without_speech_are_taken(tmp_path: Path) -> None:
    swelling = noise(30.0, 0.1) * np.linspace(0, 1, 30 * RATE_HZ, dtype=np.float32)
    one = cue("a", sound(tmp_path, "a.wav", swelling), 0.0, 30.0, layer="ambience")
    score = score_of([one], speech=[Span(20.0, 30.0)])
    _, probes = rendered(score, None)
    taken = probes.finish()["a"].probes
    last = int(20.0 * RATE_HZ) // CHUNK  # the one in which speech begins is spoken to a third or more
    assert [probe.chunk for probe in taken] == list(range(last - MOST_PROBES, last))


def test_octaves_against_filtered_noise() -> None:
    """A tone 6 dB under the noise of its octave stands there by -6 dB, and so wherever else it were."""
    rng = np.random.default_rng(0)
    other = (0.05 * rng.standard_normal((2, CHUNK))).astype(np.float32)
    share = 1000 / 2**0.5 / (RATE_HZ / 2)  # width of the octave of 1 kHz beside all of the noise
    level = 0.05 * np.sqrt(share) * 10 ** (-6 / 20)
    stem = tone(CHUNK / RATE_HZ, 1000.0, level * 2**0.5)
    found = standing(spectrum(stem), spectrum(stem + other), 0.0)
    assert found.found_db == pytest.approx(-6.5, abs=1.0)  # what may be chance is left out: up to a dB less
    assert standing(spectrum(stem), spectrum(other), 0.0).found_db < -15


def test_chance_gives_no_place() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        one, other = (spectrum(rng.standard_normal((2, CHUNK)).astype(np.float32)) for _ in range(2))
        assert offset_s([one], [other]) is None


def test_frames_know_their_line() -> None:
    frames = frames_of(tone(HOP * 10 / RATE_HZ, 2000.0, 0.1))
    assert frames.line_hz == pytest.approx(2000.0, abs=RATE_HZ / HOP)
    assert frames.line_share.min() > 0.98
    assert frames.power == pytest.approx(0.005, rel=0.01)
