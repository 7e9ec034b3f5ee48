"""The mood of texts: Warriner's words, read alone and in short sentences, by a network with one hidden layer.

Words: Warriner, Kuperman and Brysbaert 2013, 13,915 English words rated 1 to 9 (`Ratings_Warriner_et_al.csv`).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from storysound.encode import mood
from storysound.encode.encoder import Encoder
from storysound.encode.mood import MoodScale, NetworkHead
from storysound.media.arrays import Floats

SENTENCES = ("This is {}.", "I feel {}.", "A story of {}.", "It was so {}!")
DENIALS = ("This is not {}.", "I am not {}.", "It wasn't {} at all.")
DENIED = -0.5  # share of a word's distance from the middle that is left when it is denied: on the other side
_LEAST_SPREAD = 0.01  # some features hardly vary
_FIRST_WORD = 1996  # of BERT's vocabulary; signs and letters come before


@dataclass(frozen=True)
class Config:
    """How the network learns; chosen on the first of five folds; twice as wide and as long gains .005."""

    hidden: int = 256
    epochs: int = 10
    batch: int = 128
    rate: float = 1e-3
    decay: float = 0.05
    unseen: float = 0.3  # share of the features that are hidden at each step
    idle: float = 0.5  # share of the hidden units, likewise


@dataclass(frozen=True)
class Words:
    """Rated words: `ratings` [n 2] over [0, 1]; `alone` and `inside` [n f]: features of a word, and of a sentence with
    it, that `inside_ratings` [n 2] belong to.
    """

    words: tuple[str, ...]
    ratings: Floats
    alone: Floats
    inside: Floats
    inside_ratings: Floats


def read(file: Path, reader: Encoder[str], seed: int = 0) -> Words:
    """Words with their ratings and features; each in one sentence, by chance a denial one time in four."""
    rows = list(csv.DictReader(file.open(newline="")))
    words = tuple(row["Word"] for row in rows)
    ratings = np.array([[float(row["V.Mean.Sum"]), float(row["A.Mean.Sum"])] for row in rows], np.float32)
    ratings = (ratings - 1) / 8
    rng = np.random.default_rng(seed)
    denied = rng.random(len(words)) < 0.25
    sentences = [str(rng.choice(DENIALS if no else SENTENCES)).format(w) for no, w in zip(denied, words, strict=True)]
    turned = ratings.copy()
    turned[denied, 0] = ratings[:, 0].mean() + DENIED * (ratings[denied, 0] - ratings[:, 0].mean())
    alone, inside = (mood.reading(reader.encode(texts)) for texts in (words, sentences))
    return Words(words, ratings, alone, inside, turned)


def usage(words: tuple[str, ...], vocabulary: Mapping[str, int]) -> Floats:
    """How often each word is used, as weights that sum to 1 [n]: Zipf's law on its place in `vocabulary`.

    A vocabulary of word pieces lists whole words by how often they occur; words that it doesn't have count for nothing.
    """
    places = np.array([vocabulary.get(word, 0) - _FIRST_WORD + 1 for word in words])
    weights = np.where(places > 0, 1 / np.maximum(places, 1), 0)
    return np.asarray(weights / weights.sum(), np.float32)


def fit(data: Words, chosen: NDArray[np.intp], config: Config | None = None, seed: int = 0) -> NetworkHead:
    """Learns from the chosen words; the scale is left at 0 and 1."""
    config = config or Config()
    torch.manual_seed(seed)
    centre, spread = data.alone[chosen].mean(axis=0), np.maximum(data.alone[chosen].std(axis=0), _LEAST_SPREAD)
    middle, width = data.ratings[chosen].mean(axis=0), data.ratings[chosen].std(axis=0)
    x = torch.from_numpy(np.concatenate([data.alone[chosen], data.inside[chosen]]))
    x = (x - torch.from_numpy(centre)) / torch.from_numpy(spread)
    y = torch.from_numpy((np.concatenate([data.ratings[chosen], data.inside_ratings[chosen]]) - middle) / width)
    inner, outer = nn.Linear(x.shape[1], config.hidden), nn.Linear(config.hidden, 2)
    network = nn.Sequential(nn.Dropout(config.unseen), inner, nn.ReLU(), nn.Dropout(config.idle), outer)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    steps = config.epochs * (len(x) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.rate, total_steps=steps + 1)
    for _ in range(config.epochs):
        for at in torch.randperm(len(x)).split(config.batch)[: len(x) // config.batch]:
            loss = nn.functional.mse_loss(network(x[at]), y[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    first, bias, last = (t.detach().numpy() for t in (inner.weight, inner.bias, outer.weight))
    offset = outer.bias.detach().numpy() * width + middle
    return NetworkHead(centre, spread, first.T.copy(), bias, last.T * width, offset, MoodScale.plain())


def cross_validated(data: Words, config: Config | None = None, folds: int = 5, seed: int = 0) -> Floats:
    """What is foretold of each word, alone, by a network that learned from the other folds: [n 2]."""
    order = np.random.default_rng(seed).permutation(len(data.words))
    foretold = np.zeros_like(data.ratings)
    for k in range(folds):
        held = order[k::folds]
        head = fit(data, np.setdiff1d(order, held, assume_unique=True), config, seed)
        foretold[held] = head.ratings(data.alone[held])
    return foretold
