from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.annotate.sound import SoundJudge
from storysound.encode import mood
from storysound.encode.ears import TRAITS, class_names
from storysound.encode.encoder import Encoding, load
from storysound.encode.mood import KernelHead, LinearHead, MoodScale, NetworkHead, rbf
from storysound.media.audio import Waveform, read_audio
from storysound.media.expression import CUES, Expression, expression, stretch
from storysound.story import Mood
from storysound.weights.resolver import Resolver, catalogue


def changed(**cues: float) -> Expression:
    """Usual music but for these cues, in deviations."""
    head = mood.music_head()
    return Expression(*(c + cues.get(n, 0.0) * s for n, c, s in zip(CUES, head.centre, head.spread, strict=True)))


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=2), st.floats(0.01, 10))
def test_a_scale_is_monotone_and_within_limits(said: list[float], deviation: float) -> None:
    scale = MoodScale(np.zeros(2, np.float32), np.full(2, deviation, np.float32))
    with np.errstate(over="ignore"):
        (low, high) = scale(np.array([[min(said)] * 2, [max(said)] * 2], np.float32))
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= high).all()


def test_what_is_usual_is_one_half_and_a_deviation_above_it_is_73() -> None:
    said = np.array([[0.4, 0.1], [0.6, 0.3]], np.float32)
    scale = MoodScale.of(said)
    assert scale(said.mean(axis=0, keepdims=True)) == pytest.approx(0.5)
    assert scale(said[1:]) == pytest.approx(1 / (1 + np.exp(-1)))


def test_a_scale_counts_things_as_often_as_they_are_met() -> None:
    said = np.array([[0.0, 1.0], [1.0, 0.0]], np.float32)
    often = MoodScale.of(said[[0, 0, 0, 1]])
    weighed = MoodScale.of(said, np.array([0.75, 0.25], np.float32))
    assert weighed.mean == pytest.approx(often.mean)
    assert weighed.deviation == pytest.approx(often.deviation)


def test_rbf_against_the_obvious_loop() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)
    slow = [[np.exp(-0.7 * sum((a - b) ** 2 for a, b in zip(u, v, strict=True))) for v in y] for u in x]
    assert rbf(x, y, 0.7) == pytest.approx(np.array(slow), abs=1e-6)


def test_heads_stay_within_limits_however_strange_the_features() -> None:
    rng = np.random.default_rng(1)
    net = NetworkHead(
        *(rng.normal(size=s).astype(np.float32) for s in ((6,), (6,), (6, 4), (4,), (4, 2), (2,))), MoodScale.plain()
    )
    parts = ((6,), (6, 3), (5, 3), (5, 2), (2,))
    near = KernelHead(*(rng.normal(size=s).astype(np.float32) for s in parts), 0.5, MoodScale.plain())
    line = LinearHead(np.zeros(6, np.float32), np.ones(6, np.float32), np.ones((6, 2), np.float32), MoodScale.plain())
    features = 1e4 * rng.normal(size=(20, 6)).astype(np.float32)
    for head in (net, near, line):
        assert ((head(features) >= 0) & (head(features) <= 1)).all()
    for head in (net, near):
        assert ((head.ratings(features) >= 0) & (head.ratings(features) <= 1)).all()


@pytest.mark.parametrize("cue", ["tempo", "onsets", "flux", "roughness"])
def test_faster_busier_rougher_music_is_more_excited(cue: str) -> None:
    calm, usual, wild = (mood.of_music(changed(**{cue: by})).arousal for by in (-1, 0, 1))
    assert calm < usual < wild


@pytest.mark.parametrize("cue", ["majorness", "tempo", "register"])
def test_major_fast_and_high_music_is_more_pleasant(cue: str) -> None:
    assert mood.of_music(changed(**{cue: 1})).valence > mood.of_music(changed(**{cue: -1})).valence


def test_nothing_heard_has_the_usual_mood() -> None:
    assert mood.of_effect(np.zeros(521, np.float32)) == Mood(0.5, 0.5)


def test_music_and_effects_are_told_in_their_own_ways() -> None:
    ears = SimpleNamespace(labels={"audioset": class_names()}, traits=TRAITS)
    judge = SoundJudge({"ears": ears})  # type: ignore[dict-item]
    heard = {"ears": Encoding(np.zeros((1, 4), np.float32), {"audioset": np.eye(521, dtype=np.float32)[[500]]})}
    time_s = np.arange(20_000) / 10_000
    calm, wild = (
        Waveform((0.1 * np.sin(2 * np.pi * 220 * time_s) * (time_s % every_s < 0.1))[None].astype(np.float32), 10_000)
        for every_s in (1.0, 0.2)
    )
    assert judge.mood("music", heard, calm).arousal < judge.mood("music", heard, wild).arousal
    assert judge.mood("sfx", heard, calm) == judge.mood("sfx", heard, wild)


def test_a_reader_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="layers of minilm"):
        mood.of_texts([Encoding(np.zeros((1, 384), np.float32))])


def test_shipped_class_moods_make_sense() -> None:
    from storysound.encode.ears import class_names

    of = dict(zip(class_names(), mood.class_moods(), strict=True))
    assert of["Laughter"][0] > of["Screaming"][0]
    assert of["Explosion"][1] > of["Silence"][1]


@pytest.mark.models
def test_the_starter_library_is_told_apart_by_ear(weights: Resolver) -> None:
    """Golden, as `make bench-quality` has it (music_mood); the head learned from none of these tracks."""
    names = [name for name in catalogue() if name.startswith("starter/") and name.endswith(".opus")]
    told: dict[str, list[Mood]] = {}
    for name in names:
        folder = name.split("/")[1]
        if folder in {"calm", "energetic", "happy", "nostalgic"}:
            track = read_audio(weights.path(name), channels=1)
            told.setdefault(folder, []).append(mood.of_music(expression(stretch(track))))

    def above(axis: str, high: str, low: str) -> float:
        pairs = [(getattr(a, axis), getattr(b, axis)) for a in told[high] for b in told[low]]
        return float(np.mean([a > b for a, b in pairs]))

    assert above("arousal", "energetic", "calm") > 0.9
    assert above("valence", "happy", "nostalgic") > 0.9


@pytest.mark.models
def test_words_and_sentences(weights: Resolver) -> None:
    reader = load(mood.READER, weights)

    def felt(text: str) -> Mood:
        return mood.as_mood(mood.of_texts(reader.encode([text])))

    assert felt("happiness").valence > 0.8 > 0.3 > felt("murder").valence
    assert felt("explosion").arousal > 0.6 > 0.4 > felt("pillow").arousal
    assert felt("They laugh and dance in the sun.").valence > 0.6 > 0.4 > felt("She mourns her dead child.").valence
    assert felt("A furious battle rages.").arousal > felt("The lake lies still in the evening.").arousal + 0.2
    assert felt("I am not happy.").valence < felt("I am happy.").valence - 0.1


@pytest.mark.models
def test_the_reader_says_what_its_layers_are(weights: Resolver) -> None:
    short, long = load(mood.READER, weights).encode(["rain", "rain " * 400])
    assert short.layers is not None
    assert long.layers is not None
    assert short.layers.shape == long.layers.shape == (7, 384)
    unit = short.layers[-1] / np.linalg.norm(short.layers[-1])
    assert unit == pytest.approx(short.embedding[0], abs=1e-6)
