"""The encoder of words of a closed vocabulary."""

import pytest

torch = pytest.importorskip("torch")

from storysound.nn.word_encoder import WordEncoder, WordEncoderConfig  # noqa: E402


def test_the_order_of_words_matters_and_texts_know_nothing_of_each_other() -> None:
    torch.manual_seed(0)
    network = WordEncoder(WordEncoderConfig(9, longest=4, width=8, layers=1, heads=2)).eval()
    ids = torch.tensor([[1, 2, 3, 0], [3, 2, 1, 0]])
    tokens = network(ids)
    assert tokens.shape == (2, 4, 8)
    assert (tokens[0].sum(0) - tokens[1].sum(0)).abs().max() > 1e-4
    torch.testing.assert_close(network(ids[:1]), tokens[:1])


def test_too_many_words_are_refused() -> None:
    network = WordEncoder(WordEncoderConfig(9, longest=2, width=8, layers=1, heads=2))
    with pytest.raises(ValueError, match="at most 2 words, got 3"):
        network(torch.ones(1, 3, dtype=torch.long))
