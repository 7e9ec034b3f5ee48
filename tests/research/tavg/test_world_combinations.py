"""What happens in the made world, in which split, when, and in which words."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from storysound.research.tavg.world.combinations import CHOICES, COMBINATIONS, FIELDS, KINDS, Combination, of_split
from storysound.research.tavg.world.contacts import EDGE_S, LEAST_GAP_S, SECONDS
from storysound.research.tavg.world.scenes import LASTING, drawn_combination, generator, scene_of
from storysound.research.tavg.world.sentences import WORDS, sentence, ways, wrong_scene

SPLITS = ("train", "validation", "test")
COUNTS = {"once": {1}, "twice": {2}, "three times": {3}, "evenly": {4, 5, 6}, "slower": {5}}


def test_splits_part_the_combinations() -> None:
    found = [each for split in SPLITS for kind in KINDS for each in of_split(split, kind)]
    assert sorted(found) == sorted(COMBINATIONS)
    assert len(set(found)) == len(found) >= 150
    shares = {split: sum(len(of_split(split, kind)) for kind in KINDS) / len(found) for split in SPLITS}
    assert shares["test"] == pytest.approx(0.15, abs=0.02)
    assert shares["validation"] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_each_value_of_a_kind_but_not_the_held_out_combinations(kind: str) -> None:
    choices = CHOICES[kind]
    training = of_split("train", kind)
    for name, values in zip(FIELDS[1:], (choices.materials, choices.surfaces, choices.rhythms), strict=True):
        assert {getattr(each, name) for each in training} == set(values)
    assert of_split("test", kind)
    assert of_split("validation", kind)


def test_kinds_are_drawn_alike() -> None:
    rng = np.random.default_rng(0)
    counts = Counter(drawn_combination("test", rng).kind for _ in range(2000))
    assert set(counts) == set(KINDS)
    assert min(counts.values()) > 140


@pytest.mark.parametrize("combination", [each for each in COMBINATIONS if each.kind not in LASTING], ids=str)
def test_contacts_are_as_many_as_told_and_keep_apart(combination: Combination) -> None:
    for seed in range(20):
        scene = scene_of(combination, np.random.default_rng(seed))
        times = scene.impacts_s
        assert len(times) in COUNTS.get(combination.rhythm, {4, 5})
        assert times[0] >= EDGE_S - 1e-9
        assert times[-1] <= SECONDS - EDGE_S + 1e-9
        gaps = [after - before for before, after in pairwise(times)]
        assert all(gap >= LEAST_GAP_S - 1e-9 for gap in gaps)
        assert len(scene.strengths) == len(times)
        assert all(0 < strength <= 1 for strength in scene.strengths)
        if combination.rhythm == "faster":
            assert all(after < before for before, after in pairwise(gaps))
        if combination.rhythm == "evenly":
            assert np.ptp(gaps) < 1e-9


def test_a_text_does_not_say_when() -> None:
    combination = Combination("hammer", "metal", "wood", "once")
    scenes = [scene_of(combination, np.random.default_rng(seed)) for seed in range(300)]
    first = np.array([scene.impacts_s[0] for scene in scenes])
    texts = np.array([sentence(scene, np.random.default_rng(scene.seed)) for scene in scenes])
    assert np.ptp(first) > 1.4
    for text in np.unique(texts):
        of_text = first[texts == text]
        if len(of_text) >= 30:
            assert abs(of_text.mean() - 1.0) < 4 * 0.47 / np.sqrt(len(of_text))


def test_sentences_use_the_vocabulary_and_name_what_they_tell() -> None:
    assert len(WORDS) <= 130
    for combination in COMBINATIONS:
        for seed in range(12):
            rng = np.random.default_rng(seed)
            words = sentence(scene_of(combination, rng), rng).split()
            assert set(words) <= set(WORDS)
            for value in {combination.material, combination.surface} - {"water", "hand", "skin", "nylon"}:
                assert {value, f"{value}en"} & set(words)


def test_each_combination_has_words_of_its_own() -> None:
    told: dict[str, Combination] = {}
    for combination in COMBINATIONS:
        for seed in range(12):
            rng = np.random.default_rng(seed)
            assert told.setdefault(sentence(scene_of(combination, rng), rng), combination) == combination


def test_wrong_scenes_differ_in_what_they_say() -> None:
    for combination in COMBINATIONS:
        rng = np.random.default_rng(1)
        scene = scene_of(combination, rng)
        assert {"kind", "rhythm", "all"} & set(ways(scene))
        for way in ways(scene):
            wrong = wrong_scene(scene, rng, way)
            differ = {name for name in FIELDS if getattr(wrong, name) != getattr(scene, name)}
            assert differ == {way} if way != "all" else len(differ) >= 3
            assert sentence(wrong, np.random.default_rng(2)) != sentence(scene, np.random.default_rng(2))
            assert wrong.combination in COMBINATIONS
        assert wrong_scene(scene, rng).combination != combination


def test_a_way_that_a_kind_lacks_is_told() -> None:
    scene = scene_of(Combination("rain", "water", "glass", "light"), np.random.default_rng(0))
    with pytest.raises(ValueError, match="can't be wrong by 'material'"):
        wrong_scene(scene, np.random.default_rng(0), "material")


def test_what_is_no_split_is_told() -> None:
    with pytest.raises(ValueError, match="got 'tests', 1"):
        generator("tests", 1)
    with pytest.raises(ValueError, match="seed >= 0"):
        generator("test", -1)
