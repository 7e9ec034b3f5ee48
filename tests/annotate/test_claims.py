"""Claims of what is seen and heard: how special they are, when, how often, and what speaks for them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from annotate_fakes import Tones
from storysound.annotate.check import Check, Checks, checked, shipped
from storysound.annotate.claims import Claim, merged, of_row, to_row
from storysound.annotate.hearing import Ear
from storysound.annotate.picture_claims import IMAGENET, SeeingConfig, called, log_odds, things
from storysound.annotate.picture_words import SeenShot, seen_claims
from storysound.annotate.sound_claims import HeardSound, other_views, sound_claims
from storysound.encode.detectors.boxes import Box
from storysound.encode.encoder import Encoding
from storysound.media.audio import Waveform
from storysound.story import Span

LABELS = tuple(f"class {n}" for n in range(1000))
DOGS, TABBY, CASTLE = range(151, 156), 281, 483
KNOWN = things(IMAGENET, LABELS)
PLAIN = Check("eyes", 0.0, {"found": 0.1, "classed": 1.0}, 0.5)


def shot(start_s: float, *pictures: dict[int, float], boxes: Sequence[Sequence[Box]] | None = None) -> SeenShot:
    """A second from `start_s` on, by the probabilities of some classes in its pictures."""
    classes = np.zeros((len(pictures), 1000), np.float32)
    for row, values in zip(classes, pictures, strict=True):
        row[list(values)] = list(values.values())
    return SeenShot(Span(start_s, start_s + 1), classes, boxes or [[]] * len(pictures))


def told(*shots: SeenShot, check: Check = PLAIN) -> list[Claim]:
    return seen_claims(shots, KNOWN, "eyes 1", check)


def box(kind: str, score: float, left: float = 0.0) -> Box:
    return Box(kind, score, left, 0.0, left + 0.1, 1.0)


def test_neighbours_that_are_not_told_apart_are_told_as_what_they_have_in_common() -> None:
    assert [claim.label for claim in told(shot(0, dict.fromkeys(DOGS, 0.1)))] == ["dog"]
    assert [claim.label for claim in told(shot(0, {TABBY: 0.6}))] == ["class 281"]
    assert [claim.label for claim in told(shot(0, {TABBY: 0.6, 282: 0.2, CASTLE: 0.15}))] == ["class 281", "building"]
    assert told(shot(0, {TABBY: 0.1, CASTLE: 0.04})) == []


def test_what_is_seen_in_several_shots_is_one_claim() -> None:
    claims = told(
        *(
            shot(at, {thing: p})
            for at, (thing, p) in enumerate([(TABBY, 0.9), (TABBY, 0.8), (CASTLE, 0.9), (TABBY, 0.7)])
        )
    )
    assert [(claim.label, claim.spans) for claim in claims] == [
        ("class 281", (Span(0, 2), Span(3, 4))),
        ("class 483", (Span(2, 3),)),
    ]
    best = {"found": log_odds(0.1), "classed": log_odds(0.9)}  # a cat without a box
    assert claims[0].score == PLAIN.support(best), "of the shot that shows it best"
    assert claims[0].span == Span(0, 4)
    assert claims[0].total_s == 3


def test_people_and_things_of_the_detector_are_claimed_and_counted() -> None:
    people = [box("person", 0.9), box("person", 0.6, 0.5)]
    claims = told(shot(0, {}, boxes=[[*people, box("kite", 0.4)]]))
    assert [(claim.label, claim.words) for claim in claims] == [("person", "people")], "no kite: it isn't sure"
    assert claims[0].evidence == {
        "alone": 1, "named": 0, "both": 0, "found": pytest.approx(np.log(9)), "classed": 0, "person": 1
    }  # fmt: skip


def test_evidence_is_the_mean_over_pictures_and_nothing_speaks_for_what_one_doesnt_offer() -> None:
    (claim,) = told(shot(0, {TABBY: 0.9}, {TABBY: 0.5}, {}))
    odds = [np.log(9), 0.0, np.log(0.003 / 0.997)]
    assert claim.evidence["classed"] == pytest.approx(np.mean(odds), abs=1e-4)
    assert claim.evidence["named"] + claim.evidence["both"] == 1.0


def test_a_thing_isnt_claimed_beside_a_special_case_that_is_likely_enough() -> None:
    seen = shot(0, {DOGS[0]: 0.6}, boxes=[[box("dog", 0.55)]])
    assert [claim.label for claim in told(seen)] == ["class 151"]
    sure_of_neither = told(seen, check=replace(PLAIN, least=0.99))
    assert {claim.label for claim in sure_of_neither} == {"class 151", "dog"}


def test_of_a_shot_the_likeliest_are_claimed() -> None:
    kinds = ("kite", "horse", "giraffe", "cake", "knife", "book")
    claims = told(shot(0, {}, boxes=[[box(kind, 0.95 - 0.05 * i) for i, kind in enumerate(kinds)]]))
    assert [claim.label for claim in claims] == list(kinds[:4])


@pytest.mark.parametrize("wrong", [{"special": 0.1}, {"general": 0.0}, {"most": 0}])
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="needs"):
        SeeingConfig(**{"special": 0.35, "general": 0.15, "most": 2, **wrong})  # type: ignore[arg-type]


def test_every_class_and_group_has_a_name_and_groups_hold_known_classes() -> None:
    known = things(IMAGENET, LABELS)
    assert len(known.labels) == len(known.words) == 1000 + len(known.members)
    assert known.members.any(axis=1).all()
    dogs = known.labels.index("dog")
    assert np.flatnonzero(known.parts(dogs)).tolist()[:2] == [151, 152]
    assert called("tights for gymnastics, a one-piece leotard, or a sport jersey") == "leotard"


def test_a_sound_is_one_claim_with_every_time_it_is_heard() -> None:
    loud = np.array([1, 1, 0, 0, 0, 0, 0, 1, 1, 1], np.float32)
    heard = Encoding(np.zeros((10, 2), np.float32), {"audioset": np.stack([0.9 * loud, 0 * loud], axis=1)}, 0.5)
    levels = np.repeat(np.where(loud > 0, -6.0, -80.0), 5)
    silent = Encoding(np.zeros((10, 2), np.float32), {"audioset": np.zeros((10, 2), np.float32)}, 0.5)
    views, voice = [(1.0, heard), (1.05, silent)], np.full(50, 0.5, np.float32)
    sound = HeardSound(heard, levels, 5.0, np.zeros((10, 2), np.float32), views, voice, 0.1)
    (claim,) = sound_claims(sound, Ear("tones", Tones(), "audioset"), "tones 1")
    assert (claim.label, claim.words, claim.spans) == ("Beep, bleep", "beep", (Span(0, 1), Span(3.5, 5)))
    assert claim.evidence["share"] == pytest.approx(0.5)
    assert claim.evidence["level"] == pytest.approx(-0.3)
    assert claim.evidence["beside"] == 0
    assert (
        claim.evidence["rank"] == claim.evidence["crowd"] == claim.evidence["voiced"] == claim.evidence["unvoiced"] == 0
    )
    assert claim.evidence["least"] == -8.0
    assert claim.evidence["again"] == pytest.approx((claim.evidence["clear"] - 8) / 2)


def test_other_views_are_the_same_sound_in_other_samples() -> None:
    wave = Waveform(np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)[None], 16_000)
    later, narrow, slower = other_views(wave)
    assert np.array_equal(later[1].samples[0, 3840:], wave.samples[0])
    assert 0.9 < np.abs(narrow[1].samples[0, 4000:]).max() <= 1.0
    assert slower[0] == 1.05
    assert slower[1].samples.shape == (1, 16_800)
    low = Waveform(np.sin(2 * np.pi * 50 * np.arange(16_000) / 16_000).astype(np.float32)[None], 16_000)
    assert np.abs(list(other_views(low))[1][1].samples[0, 4000:]).max() < 0.25


def test_a_claim_comes_back_from_its_row() -> None:
    claim = Claim("audio", "Bark", "bark", (Span(1, 2), Span(4, 5)), 0.8, "ears 1", {"clear": 2.0}, 0.7, False, True)
    assert of_row(to_row(claim)) == claim
    assert merged([Span(3, 4), Span(0, 1), Span(0.5, 2)]) == (Span(0, 2), Span(3, 4))


CHECKS = Checks({s: Check("e", -1.0, {"clear": 1.0}, 0.5) for s in ("video", "audio")}, "1")


def test_what_too_little_speaks_for_is_dropped_marked_or_kept() -> None:
    sure, unsure = (Claim("audio", "Bark", "bark", (Span(0, 1),), 0.8, "e 1", {"clear": x}) for x in (2.0, 0.0))
    free = Claim("video", "a dog", "dog", (Span(0, 1),), 1.0, "hub 1")
    dropped = checked([sure, unsure, free], CHECKS, "drop")
    assert [(claim.kept, claim.doubtful) for claim in dropped] == [(True, False), (False, False), (True, False)]
    assert dropped[0].support == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-4)
    assert dropped[2].support is None
    marked = checked([unsure], CHECKS, "mark")[0]
    assert (marked.kept, marked.doubtful) == (True, True)
    assert checked([unsure], CHECKS, "keep")[0].kept


def test_the_shipped_check_knows_the_embedded_encoders_and_asks_for_evidence_that_is_given() -> None:
    checks = shipped()
    assert checks.known("video", "efficientnet_lite2")
    assert checks.known("audio", "ears")
    assert not checks.known("video", "clip")
    (seen,) = told(shot(0, {TABBY: 0.6}))
    assert checks.of["video"].weights.keys() <= seen.evidence.keys()
