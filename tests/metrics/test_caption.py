"""Caption metrics: the reference's own figures, overall and per item, and figures by hand."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_captions import captions

from storysound.errors import MissingModelError
from storysound.metrics import judges
from storysound.metrics.caption import bleu, cider_d, evaluate, rouge_l
from storysound.weights.resolver import Resolver

OWN = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr")
FOUR_DIGITS = 5e-5

sentences = st.lists(st.sampled_from("a dog barks rain falls on the roof".split()), min_size=1, max_size=9)


@pytest.mark.shared
@pytest.mark.parametrize("number", [1, 2])
def test_equal_to_the_reference_to_four_digits_overall_and_per_item(shared_data: Path, number: int) -> None:
    folder = shared_data / "metrics_ref"
    told, wanted = captions(folder / f"aac_metrics_example_{number}.csv", "caption_predicted")
    expected = json.loads((folder / f"expected_aac_metrics_example_{number}.json").read_text())
    found = evaluate(told, wanted, judges=())
    assert found["n"] == expected["n"] == len(told)
    for name in OWN:
        assert found[name] == pytest.approx(expected[name], abs=FOUR_DIGITS)
        np.testing.assert_allclose(found["items"][name], expected[f"{name}_items"], atol=FOUR_DIGITS)


@pytest.mark.shared
def test_people_against_people_on_clotho(shared_data: Path) -> None:
    expected = json.loads((shared_data / "metrics_ref" / "expected_clotho_eval_caption1_vs_rest.json").read_text())
    found = evaluate(*captions(shared_data / "captions" / "clotho_evaluation_en.csv", "caption_1"), judges=())
    assert {name: round(found[name], 4) for name in OWN} == {name: round(expected[name], 4) for name in OWN}


@pytest.mark.shared
def test_nlg_eval_publishes_the_same(shared_data: Path) -> None:
    lines = [
        (shared_data / "metrics_ref" / f"nlgeval_{name}.txt").read_text().splitlines()
        for name in ("hyp", "ref1", "ref2")
    ]
    found = evaluate(lines[0], list(zip(*lines[1:], strict=True)), judges=())
    published = (0.550000, 0.428174, 0.284043, 0.201143, 0.522104, 1.242192)
    assert [found[name] for name in OWN] == pytest.approx(published, abs=1e-6)


@pytest.mark.shared
@pytest.mark.models
def test_meteor_is_the_reference_per_item(shared_data: Path, weights: Resolver) -> None:
    try:
        judge = judges.meteor(weights)
    except MissingModelError as error:
        pytest.skip(str(error))
    folder = shared_data / "metrics_ref"
    told, wanted = captions(folder / "aac_metrics_example_1.csv", "caption_predicted")
    expected = json.loads((folder / "expected_aac_metrics_example_1.json").read_text())
    found = evaluate(told, wanted, judges=(judge,))
    assert found["METEOR"] == pytest.approx(expected["METEOR"], abs=FOUR_DIGITS)
    np.testing.assert_allclose(found["items"]["METEOR"], expected["METEOR_items"], atol=FOUR_DIGITS)
    assert "METEOR" not in found["left_out"]


def test_bleu_by_hand() -> None:
    """Three of four words and one of three pairs are right; the reference is a word longer."""
    whole, each = bleu([["a", "dog", "barks", "now"]], [[["a", "dog", "now", "barks", "loudly"]]])
    assert whole[0] == pytest.approx(np.exp(1 - 5 / 4), abs=1e-6)
    assert whole[1] == pytest.approx(np.sqrt(1 / 3) * np.exp(1 - 5 / 4), abs=1e-6)
    assert [column[0] for column in each] == pytest.approx(whole)


def test_of_two_references_equally_near_in_length_the_shorter_counts() -> None:
    two, four = ["a", "b"], ["a", "b", "c", "d"]
    assert bleu([["a", "b", "c"]], [[two, four]])[0][0] == pytest.approx(1, abs=1e-6)


def test_rouge_by_hand() -> None:
    """A subsequence of two of three words, and of four: P = 2/3, R = 2/4."""
    found = rouge_l(["a", "x", "b"], [["a", "b", "c", "d"]])
    assert found == pytest.approx((1 + 1.44) * (2 / 3) * 0.5 / (0.5 + 1.44 * 2 / 3))
    assert rouge_l(["x"], [["y"]]) == rouge_l([], [["y"]]) == 0


@given(st.lists(st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=2, max_size=5))
def test_figures_lie_in_their_ranges_and_a_copy_is_the_best(items: list[tuple[list[str], list[list[str]]]]) -> None:
    told, wanted = ([item[i] for item in items] for i in (0, 1))
    assert all(0 <= score <= 10 + 1e-9 for score in cider_d(told, wanted))  # type: ignore[arg-type]
    for candidate, references in items:
        assert 0 <= rouge_l(candidate, references) <= rouge_l(references[0], references) == pytest.approx(1)


def test_words_that_all_references_have_weigh_nothing() -> None:
    assert cider_d([["rain"], ["rain"]], [[["rain"]], [["rain"]]]) == [0, 0]


def test_what_has_no_reference_is_refused() -> None:
    for references in ([], [[]], ["a dog"]):
        with pytest.raises(ValueError, match="references"):
            evaluate(["a dog"], references, judges=())


def program(path: Path, code: str) -> str:
    """A stand-in for Java."""
    path.write_text(f"#!{sys.executable}\nimport json, sys\n{code}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_meteor_asks_statistics_first_and_scores_then(tmp_path: Path) -> None:
    runtime = program(
        tmp_path / "java",
        "for line in sys.stdin:\n"
        "    what, *parts = line.strip().split(' ||| ')\n"
        "    answers = [len(parts[-1].split())] if what == 'SCORE' else [int(p) / 10 for p in parts] + [0.5]\n"
        "    print('\\n'.join(map(str, answers)), flush=True)\n",
    )
    judge = judges.Meteor(runtime, tmp_path / "jar", tmp_path / "table")
    assert judge.scores([["a"], ["a", "|||", "b"]], [[["x"]], [["y"], ["z"]]]) == (0.5, [0.1, 0.2])
    broken = judges.Meteor(program(tmp_path / "none", "sys.exit('no memory')"), tmp_path / "jar", tmp_path / "table")
    with pytest.raises(MissingModelError, match="METEOR failed: no memory"):
        broken.scores([["a"]], [[["x"]]])


def test_spice_and_the_mean_with_cider(tmp_path: Path) -> None:
    with pytest.raises(MissingModelError, match=r"lacks spice-1\.0\.jar"):
        judges.Spice(tmp_path)
    (tmp_path / "lib").mkdir()
    for part in ("spice-1.0.jar", "lib/stanford-corenlp-3.6.0.jar", "lib/stanford-corenlp-3.6.0-models.jar"):
        (tmp_path / part).touch()
    runtime = program(
        tmp_path / "java",
        "given, out = sys.argv[4], sys.argv[6]\n"
        "f = lambda row: 'NaN' if row['test'] == 'empty' else 0.25\n"
        "rows = [{'image_id': r['image_id'], 'scores': {'All': {'f': f(r)}}} for r in json.load(open(given))]\n"
        "json.dump(rows, open(out, 'w'))\n",
    )
    judge = judges.Spice(tmp_path, runtime)
    found: dict[str, Any] = evaluate(["a dog", "empty"], [["a dog"], ["rain falls"]], judges=(judge,))
    assert found["SPICE"] == 0.25
    assert found["items"]["SPICE"] == [0.25, 0.0]
    assert found["SPIDEr"] == pytest.approx((found["CIDEr"] + 0.25) / 2)
    assert found["left_out"] == {"METEOR": "not among the judges"}


def test_without_java_the_rest_is_told_and_what_is_missing_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    found = evaluate(["a dog", "rain"], [["a dog"], ["rain"]])
    assert "METEOR" not in found
    assert "install" in found["left_out"]["METEOR"]
    with pytest.raises(MissingModelError, match="default-jre"):
        judges.meteor()
