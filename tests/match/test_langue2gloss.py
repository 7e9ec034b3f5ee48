"""Langue2Gloss: Eq. 1 and 2, decoding against exhaustive search, learning from tiny."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.match.langue2gloss import BEGIN, END, PAD, SPECIAL, UNKNOWN, Config, Langue2Gloss, Sense, Vocabulary


def network(seed: int = 0, longest: int = 3) -> Langue2Gloss:
    torch.manual_seed(seed)
    config = Config(text=6, audio=5, words=SPECIAL + 3, width=16, dropout=0.0, longest=longest)
    made = Langue2Gloss(config).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)  # far enough from uniform that no two results tie
    return made


def states(items: int, count: int, width: int, seed: int = 1) -> Tensor:
    return torch.randn(items, count, width, generator=torch.Generator().manual_seed(seed))


def logits(made: Langue2Gloss, given: Tensor, words: tuple[int, ...]) -> Tensor:
    """Log-probabilities of the words of a result, its end included unless it is as long as can be."""
    before = torch.tensor([[BEGIN, *words]])
    found = made(given, torch.ones(given.shape[:2], dtype=torch.bool), before, "text")[0]
    for place in range(len(found)):
        found[place, [PAD, BEGIN, UNKNOWN, *([END] if place == 0 else [])]] = float("-inf")
    chances = found.log_softmax(dim=1)
    after = [*words, END][: made.config.longest]
    return torch.stack([chances[place, word] for place, word in enumerate(after)])


@pytest.mark.parametrize("seed", range(4))
def test_enough_beams_find_the_best_of_all_results(seed: int) -> None:
    made, given = network(seed), states(1, 4, 6, seed)
    every = [words for length in (1, 2, 3) for words in itertools.product(range(SPECIAL, SPECIAL + 3), repeat=length)]
    with torch.inference_mode():
        best = max(every, key=lambda words: float(logits(made, given, words).mean()))
    mask = torch.ones(1, 4, dtype=torch.bool)
    assert made.beam(given, mask, "text", 27) == [list(best)]


@pytest.mark.parametrize("seed", range(4))
def test_greedy_takes_the_best_word_at_each_place(seed: int) -> None:
    made, given = network(seed, longest=5), states(1, 4, 6, seed)
    mask = torch.ones(1, 4, dtype=torch.bool)
    words: list[int] = []
    with torch.inference_mode():
        while len(words) < 5:
            last = made(given, mask, torch.tensor([[BEGIN, *words]]), "text")[0, -1]
            last[[PAD, BEGIN, UNKNOWN, *([END] if not words else [])]] = float("-inf")
            if int(last.argmax()) == END:
                break
            words.append(int(last.argmax()))
    assert made.greedy(given, mask, "text") == [words]


@pytest.mark.parametrize("sense", ["text", "audio"])
def test_padding_and_neighbours_change_nothing(sense: Sense) -> None:
    made, width = network(longest=4), 6 if sense == "text" else 5
    short, long = states(1, 2, width), states(1, 5, width, seed=2)
    mask = torch.tensor([[True, True, False, False, False], [True] * 5])
    both = torch.cat([F.pad(short, (0, 0, 0, 3), value=7.0), long])
    alone = [made.beam(one, torch.ones(one.shape[:2], dtype=torch.bool), sense, 3)[0] for one in (short, long)]
    assert made.beam(both, mask, sense, 3) == alone
    given = torch.full((2, 1), BEGIN)
    one = made(short, mask[:1, :2], given[:1], sense)
    torch.testing.assert_close(made(both, mask, given, sense)[:1], one)


def test_erratum_4_text_and_audio_share_one_decoder() -> None:
    made = network()
    given = torch.full((1, 1), BEGIN)
    mask = torch.ones(1, 3, dtype=torch.bool)
    made(states(1, 3, 5), mask, given, "audio").sum().backward()
    without = {name for name, parameter in made.named_parameters() if parameter.grad is None}
    assert without == {"maps.text.weight", "maps.text.bias"}


def test_it_learns_to_copy_what_it_reads() -> None:
    torch.manual_seed(0)
    made = Langue2Gloss(Config.tiny())
    optimiser = torch.optim.Adam(made.parameters(), 2e-2)
    vectors = torch.randn(5, 6)
    order = torch.stack([torch.randperm(5)[:3] for _ in range(32)])
    mask, begin, end = torch.ones(32, 3, dtype=torch.bool), torch.full((32, 1), BEGIN), torch.full((32, 1), END)
    words = order + SPECIAL
    losses = []
    for _ in range(100):
        found = made(vectors[order], mask, torch.cat([begin, words], dim=1), "text")
        loss = F.cross_entropy(found.flatten(0, 1), torch.cat([words, end], dim=1).flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 < losses[0]
    assert made.eval().beam(vectors[order][:8], mask[:8], "text", 2) == words[:8].tolist()
    assert made.greedy(vectors[order][:8], mask[:8], "text") == words[:8].tolist()


def test_what_is_empty_or_odd_is_refused() -> None:
    made = network()
    with pytest.raises(ValueError, match="at least one state"):
        made.greedy(states(1, 2, 6), torch.zeros(1, 2, dtype=torch.bool), "text")
    with pytest.raises(ValueError, match="one beam"):
        made.beam(states(1, 2, 6), torch.ones(1, 2, dtype=torch.bool), "text", 0)
    with pytest.raises(ValueError, match="even width"):
        Config(6, 5, 9, width=15)


def test_a_vocabulary_spells_what_it_knows() -> None:
    found = Vocabulary.of([["dog", "bark"], ["dog", "dog"], ["cat"]], least=2)
    assert found.words == ("dog",)
    assert found.numbers(["dog", "cat"]) == [SPECIAL, UNKNOWN]
    assert found.spelled([BEGIN, SPECIAL, END]) == ("dog",)
    assert len(found) == SPECIAL + 1
