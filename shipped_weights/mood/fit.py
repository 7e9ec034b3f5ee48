"""Fits the embedded mood heads (texts, pictures, music, other sounds) and writes weights and their model card.

    python -m shipped_weights.mood.fit --words Ratings_Warriner_et_al.csv --pictures oasis/norms.csv

The corpus of `shipped_weights/ears` has to be there (`python shipped_weights/ears/corpus.py`). What was heard in it is
kept in `--pieces`, so that fitting again doesn't listen again. Seed 0 everywhere; about half an hour on one core.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from shipped_weights.ears.corpus import cache_folder
from shipped_weights.mood import pictures, sounds, texts
from storysound.encode import encoder, mood
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder
from storysound.encode.mood import KernelHead, LinearHead, MoodScale, NetworkHead
from storysound.encode.wording import synonyms
from storysound.media.arrays import Floats
from storysound.weights.resolver import Resolver

OUT = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights"
RIDGES = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
Tensors = dict[str, NDArray[np.generic]]


def correlations(foretold: Floats, ratings: Floats) -> tuple[float, float]:
    """Pearson's r of valence and of arousal: [n 2], [n 2]."""
    valence, arousal = (float(np.corrcoef(foretold[:, axis], ratings[:, axis])[0, 1]) for axis in (0, 1))
    return valence, arousal


def text_head(file: Path, weights: Resolver) -> tuple[NetworkHead, str]:
    """The head of texts, on the scale of words as they are used, and its row of the card."""
    data = texts.read(file, encoder.load(mood.READER, weights))
    foretold = texts.cross_validated(data)
    vocabulary = Tokenizer.from_file(str(weights.path("minilm.tokenizer"))).get_vocab()
    scale = MoodScale.of(foretold, texts.usage(data.words, vocabulary))
    head = replace(texts.fit(data, np.arange(len(data.words))), scale=scale)
    return head, row("texts", len(data.words), "words, five folds", correlations(foretold, data.ratings))


def picture_head(file: Path, weights: Resolver) -> tuple[KernelHead, str]:
    """The head of pictures, on the scale of what it says of those it has not seen, and its row of the card."""
    data = pictures.read(file, encoder.load(mood.EYES, weights))
    foretold = pictures.cross_validated(data)
    head = replace(pictures.fit(data, np.arange(len(data.ratings))), scale=MoodScale.of(foretold))
    return head, row("pictures", len(data.ratings), "photographs, five folds", correlations(foretold, data.ratings))


def music_head(pieces: sounds.Pieces, reader: Encoder[str], text: NetworkHead) -> tuple[LinearHead, list[str]]:
    """The head of music and its rows of the card: one for each firmness of the prior."""
    ratings = sounds.named_moods(pieces, reader, text)
    tried = {ridge: correlations(sounds.cross_validated(pieces, ratings, ridge), ratings) for ridge in RIDGES}
    rows = [row("music", len(pieces.titles), f"titles, five folds, ridge {ridge:g}", r) for ridge, r in tried.items()]
    return sounds.fit(pieces, ratings), rows


def row(head: str, count: int, judged: str, r: tuple[float, float]) -> str:
    """A row of the card."""
    return f"| {head} | {count} | {judged} | {r[0]:.3f} | {r[1]:.3f} |"


def class_moods(reader: Encoder[str], head: NetworkHead) -> Floats:
    """How people would rate the words that name AudioSet's classes, those of one class averaged: [521 2]."""
    wordings = [synonyms(label) for label in class_names()]
    return np.stack([head.ratings(mood.reading(reader.encode(words))).mean(axis=0) for words in wordings])


def half(values: Floats) -> NDArray[np.float16]:
    """As it is shipped."""
    return values.astype(np.float16)


def main() -> None:
    """Fit all heads, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=cache_folder())
    parser.add_argument("--pieces", type=Path, default=cache_folder() / "mood-pieces.npz")
    args = parser.parse_args()
    weights = Resolver(offline=True)
    reader, ears = encoder.load(mood.READER, weights), encoder.load("ears", weights)
    text, text_row = text_head(args.words, weights)
    picture, picture_row = picture_head(args.pictures, weights)
    if not args.pieces.exists():
        sounds.listen(args.corpus, ears).save(args.pieces)
    music, music_rows = music_head(sounds.Pieces.load(args.pieces), reader, text)
    moods = class_moods(reader, text)
    tensors: Tensors = {f"text.{name}": half(getattr(text, name)) for name in mood.TEXT_PARTS}
    tensors |= {f"image.{name}": half(getattr(picture, name)) for name in mood.PICTURE_PARTS}
    tensors |= {f"music.{name}": getattr(music, name) for name in mood.MUSIC_PARTS}
    tensors |= {"image.gamma": np.array(picture.gamma, np.float32), "audioset.moods": moods}
    effect = MoodScale.of(sounds.meanings(args.corpus, ears, moods))
    for kind, scale in (("text", text.scale), ("image", picture.scale), ("music", music.scale), ("effect", effect)):
        tensors[f"{kind}.usual"] = np.stack([scale.mean, scale.deviation]).astype(np.float32)
    save_file({name: np.array(value, order="C") for name, value in tensors.items()}, OUT / "mood.safetensors")
    card = Path(__file__).with_name("card.md").read_text("utf-8")
    rows = "\n".join([text_row, picture_row, *music_rows])
    (OUT / "mood.md").write_text(card.replace("{rows}", rows), "utf-8")


if __name__ == "__main__":
    main()
