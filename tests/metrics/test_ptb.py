"""Penn Treebank tokens without Java, against those that Stanford's tokenizer gave.

Run against PTBTokenizer 3.4.1 itself over 24,205 lines (AudioCaps val and test, Clotho evaluation, COCO and aac-metrics
examples, VGGSound labels, stories of a game): one caption of 23,655 differs (U'A), 13 of 550 story paragraphs, by names
such as Al’Tar.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_captions import captions

from storysound.metrics.ptb import tokens

# Lines and what PTBTokenizer 3.4.1 made of them with -lowerCase, COCO's punctuation taken out.
STANFORD = (
    ("they can't, won't; it's o'clock, 'tis", "they ca n't wo n't it 's o'clock 't is"),
    ("gonna cannot gimme lemme wanna", "gon na can not gim me lem me wan na"),
    (
        "a $5.00 bill, 10:30 a.m., 1/2 cup (two) [three]",
        "a $ 5.00 bill 10:30 a.m. 1/2 cup -lrb- two -rrb- -lsb- three -rsb-",
    ),
    ("e-mail mp3-player x-ray Mr. Smith etc. vs. Inc.", "e-mail mp3-player x-ray mr. smith etc. vs. inc."),
    ("colour and grey stay", "colour and grey stay"),
    ("Hello!!! What??? Really?! Yes. no.end", "hello !!! what ??? really ?! yes no.end"),
    ("a/b x*y = z rock & roll AT&T", "a/b x * y = z rock & roll at&t"),
    ("the dogs' bones, boys'", "the dogs bones boys"),
    ("a 10-second beep, 2nd, 60's, 60s, '90s, 5pm", "a 10-second beep 2nd 60 's 60s '90s 5pm"),
    ("“don’t” — she said… ‘no’", "do n't she said no"),
    ("test en français", "test en français"),
)


@pytest.mark.parametrize(("text", "stanford"), STANFORD, ids=[text[:20] for text, _ in STANFORD])
def test_as_stanfords(text: str, stanford: str) -> None:
    assert " ".join(tokens(text)) == stanford


@pytest.mark.shared
@pytest.mark.parametrize("number", [1, 2])
def test_tokens_of_the_reference(shared_data: Path, number: int) -> None:
    folder = shared_data / "metrics_ref"
    told, wanted = captions(folder / f"aac_metrics_example_{number}.csv", "caption_predicted")
    expected = json.loads((folder / f"expected_aac_metrics_example_{number}.json").read_text())
    assert [" ".join(tokens(text)) for text in told] == [one[0] for one in expected["tokenized_cands"].values()]
    assert [[" ".join(tokens(text)) for text in some] for some in wanted] == list(expected["tokenized_refs"].values())


@given(st.text(max_size=60))
def test_no_token_is_empty_or_holds_space(text: str) -> None:
    assert all(token and not any(c.isspace() for c in token) for token in tokens(text))
