"""Langue2Gloss: words one at a time from the states of a text or of a sound (Fang et al. 2024, Eq. 1 and 2).

    o_{1:N}, h_L = Encoder(L^N)                                  (1)
    gloss_m      = Decoder(h_L, α(o_{1:N}), gloss_{m-1})         (2)

The paper's encoder is SpeechLM; ours is what a profile's encoder says of each word or each half second, a map of its
own for either, and one recurrent layer both ways for the order. The decoder is the same for both. Vocabulary and sizes
aren't printed (erratum 4): here the words of the training's targets, and a recurrent decoder with additive attention
(Bahdanau et al. 2015, arXiv:1409.0473), as in sign language production. Taught captions, it writes captions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Sense = Literal["text", "audio"]
SENSES: tuple[Sense, Sense] = ("text", "audio")
PAD, BEGIN, END, UNKNOWN = range(4)  # the first numbers of every vocabulary
SPECIAL = 4
NEVER = float("-inf")


@dataclass(frozen=True)
class Config:
    """Shape of the network."""

    text: int  # width of the states of a text
    audio: int  # and of a sound
    words: int  # of the vocabulary, the special ones included
    width: int = 256  # of both layers and of a word
    dropout: float = 0.2
    longest: int = 32  # words of a result

    def __post_init__(self) -> None:
        if min(self.text, self.audio, self.width, self.longest) < 1 or self.width % 2 or self.words <= SPECIAL:
            raise ValueError(f"needs positive sizes, an even width and words beyond the {SPECIAL} special, got {self}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")

    @classmethod
    def tiny(cls) -> "Config":
        """A network that learns in seconds."""
        return cls(text=6, audio=5, words=9, width=16, dropout=0.0, longest=6)


class ReaderStates(NamedTuple):
    """What was read: `states` [b n w] (o of Eq. 1), `mask` bool [b n], `whole` [b w] (h_L), `keys` [b n w]."""

    states: Tensor
    mask: Tensor
    whole: Tensor
    keys: Tensor

    def repeated(self, times: int) -> "ReaderStates":
        """Each item `times` times in a row."""
        return ReaderStates(*(part.repeat_interleave(times, dim=0) for part in self))


class Langue2Gloss(nn.Module):
    """States of a text or a sound [b n d] to words."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.maps = nn.ModuleDict({"text": nn.Linear(config.text, width), "audio": nn.Linear(config.audio, width)})
        self.order = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.words = nn.Embedding(config.words, width, padding_idx=PAD)
        self.begin = nn.Linear(width, width)
        self.keys, self.asks = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.energy = nn.Linear(width, 1, bias=False)
        self.cell = nn.GRUCell(2 * width, width)
        self.drop = nn.Dropout(config.dropout)
        self.said = nn.Linear(2 * width, width)
        self.bias = nn.Parameter(torch.zeros(config.words))

    def read(self, states: Tensor, mask: Tensor, sense: Sense) -> ReaderStates:
        """Eq. 1: states [b n d] with `mask` bool [b n]; every item has a state, and padding lies behind.

        Raises ValueError where an item has none.
        """
        lengths = mask.sum(1)
        if int(lengths.min()) < 1:
            raise ValueError("every item needs at least one state")
        inner = self.drop(F.relu(self.maps[sense](states)))
        packed = pack_padded_sequence(inner, lengths.cpu(), batch_first=True, enforce_sorted=False)
        out, last = self.order(packed)
        states, _ = pad_packed_sequence(out, batch_first=True, total_length=mask.shape[1])
        return ReaderStates(states, mask, last.transpose(0, 1).flatten(1), self.keys(states))

    def forward(self, states: Tensor, mask: Tensor, given: Tensor, sense: Sense) -> Tensor:
        """Logits of the next word [b m words] at each place, the words before it being `given` [b m] (BEGIN first).

        Of states [b n d] with `mask` bool [b n].
        """
        read = self.read(states, mask, sense)
        hidden = torch.tanh(self.begin(read.whole))
        embedded = self.drop(self.words(given))
        found = []
        for place in range(given.shape[1]):
            hidden, said = self._step(read, hidden, embedded[:, place])
            found.append(said)
        return self._logits(torch.stack(found, dim=1))

    def _step(self, read: ReaderStates, hidden: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
        """One place of Eq. 2: hidden state [b w] and word before [b w] -> hidden state and what is said [b w]."""
        energy = self.energy(torch.tanh(read.keys + self.asks(hidden)[:, None]))[..., 0]
        attention = energy.masked_fill(~read.mask, NEVER).softmax(dim=1)
        heard = torch.einsum("bn,bnw->bw", attention, read.states)
        hidden = self.cell(torch.cat([word, heard], dim=1), hidden)
        return hidden, self.drop(torch.tanh(self.said(torch.cat([hidden, heard], dim=1))))

    def _logits(self, said: Tensor) -> Tensor:
        """What is said [.. w] -> [.. words]."""
        return F.linear(said, self.words.weight, self.bias)  # words are spoken by the vectors they are heard by

    @torch.inference_mode()
    def greedy(self, states: Tensor, mask: Tensor, sense: Sense) -> list[list[int]]:
        """The likeliest word at each place until the end is likeliest: one to `longest` words of each item.

        Of states [b n d] with `mask` bool [b n], as `read` takes them.
        """
        read = self.read(states, mask, sense)
        hidden = torch.tanh(self.begin(read.whole))
        spoken = torch.full((len(states), 1), BEGIN, device=states.device)
        ended = torch.zeros(len(states), dtype=torch.bool, device=states.device)
        for place in range(self.config.longest):
            hidden, said = self._step(read, hidden, self.words(spoken[:, -1]))
            word = self._allowed(self._logits(said), place).argmax(dim=1)
            ended |= word == END
            spoken = torch.cat([spoken, word.masked_fill(ended, END)[:, None]], dim=1)
            if ended.all():
                break
        return [[word for word in line[1:] if word != END] for line in spoken.tolist()]

    @torch.inference_mode()
    def beam(self, states: Tensor, mask: Tensor, sense: Sense, beams: int = 5) -> list[list[int]]:
        """As `greedy`, of states [b n d] with `mask` bool [b n], but `beams` beginnings are kept.

        Of what they lead to, that whose mean log-probability per word, its end included, is best.
        """
        if beams < 1:
            raise ValueError(f"needs at least one beam, got {beams}")
        items, words = len(states), self.config.words
        read = self.read(states, mask, sense)
        hidden = torch.tanh(self.begin(read.whole)).repeat_interleave(beams, dim=0)
        read = read.repeated(beams)
        # Row b of item i is i * beams + b. At first all beams of an item are the same, so only one counts.
        total = torch.full((items, beams), NEVER, device=states.device)
        total[:, 0] = 0.0
        spoken = torch.full((items * beams, 1), BEGIN, device=states.device)
        best: list[tuple[float, list[int]]] = [(NEVER, []) for _ in range(items)]
        for place in range(self.config.longest):
            hidden, said = self._step(read, hidden, self.words(spoken[:, -1]))
            chances = self._allowed(self._logits(said), place).log_softmax(dim=1).view(items, beams, words)
            _keep_ended(best, total + chances[:, :, END], spoken.view(items, beams, -1), place + 1)
            chances[:, :, END] = NEVER
            total, chosen = (total[:, :, None] + chances).flatten(1).topk(beams, dim=1)
            row = (chosen // words + torch.arange(items, device=chosen.device)[:, None] * beams).flatten()
            hidden = hidden[row]
            spoken = torch.cat([spoken[row], (chosen % words).view(-1, 1)], dim=1)
        _keep_ended(best, total, spoken.view(items, beams, -1), self.config.longest)
        return [line for _, line in best]

    def _allowed(self, logits: Tensor, place: int) -> Tensor:
        """Special words are never spoken, and the end not at once: logits [b words], changed in place."""
        for never in (PAD, BEGIN, UNKNOWN, *((END,) if place == 0 else ())):
            logits[:, never] = NEVER
        return logits


def _keep_ended(best: list[tuple[float, list[int]]], total: Tensor, spoken: Tensor, length: int) -> None:
    """Of beams that end here, totals [i b] and words [i b m], those that are better than what had ended before."""
    for item, (scores, words) in enumerate(zip((total / length).tolist(), spoken.tolist(), strict=True)):
        for score, line in zip(scores, words, strict=True):
            if score > best[item][0]:
                best[item] = (score, line[1:])


@dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers; the first four numbers are the special ones."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, targets: Sequence[Sequence[str]], least: int = 2) -> "Vocabulary":
        """Words that stand in at least `least` of the targets, in alphabetical order."""
        counts: dict[str, int] = {}
        for target in targets:
            for word in set(target):
                counts[word] = counts.get(word, 0) + 1
        return cls(tuple(sorted(word for word, count in counts.items() if count >= least)))

    def __len__(self) -> int:
        return SPECIAL + len(self.words)

    def numbers(self, target: Sequence[str]) -> list[int]:
        """[m] of a target; words that aren't known are UNKNOWN."""
        place = self._places()
        return [place.get(word, UNKNOWN) for word in target]

    def spelled(self, numbers: Sequence[int]) -> tuple[str, ...]:
        """The words of numbers, special ones left out."""
        return tuple(self.words[number - SPECIAL] for number in numbers if number >= SPECIAL)

    def _places(self) -> dict[str, int]:
        return {word: SPECIAL + place for place, word in enumerate(self.words)}
