"""Fits the embedded mood heads (texts, pictures, music, other sounds) and writes weights and their model card.

    python -m shipped_weights.mood.fit --words Ratings_Warriner_et_al.csv --pictures oasis/norms.csv
    python -m shipped_weights.mood.fit --music             # the head of music alone, of the pieces in titles.tsv
    python -m shipped_weights.mood.fit --listen FILE.deb … # titles.tsv anew, of packages

But for music the corpus of `shipped_weights/ears` has to be there (`python shipped_weights/ears/corpus.py`). Seed 0
everywhere; about half an hour on one core, music alone seconds.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from shipped_weights.ears.corpus import cache_folder
from shipped_weights.mood import pictures, sounds, texts, titles
from storysound.encode import encoder, mood
from storysound.encode.ears import class_names
from storysound.encode.encoder import Encoder
from storysound.encode.mood import KernelHead, LinearHead, MoodScale, NetworkHead
from storysound.encode.wording import synonyms
from storysound.media.arrays import Floats
from storysound.weights.resolver import Resolver

OUT = Path(__file__).parents[2] / "src" / "storysound" / "encode" / "weights"
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


def music_head() -> tuple[LinearHead, list[str]]:
    """The head of music, and rows for the card: what each firmness of the prior foretells of other packages."""
    pieces = titles.Pieces.read()
    told = (titles.classes(pieces.titles) != 0).sum(axis=0)
    tried = {ridge: titles.cross_validated(pieces, ridge) for ridge in titles.RIDGES}
    rows = [f"| {ridge:g} | {auc[0]:.3f} ({told[0]}) | {auc[1]:.3f} ({told[1]}) |" for ridge, auc in tried.items()]
    return titles.fit(pieces, titles.firmest(tried)), rows


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


def music_tensors() -> tuple[Tensors, list[str]]:
    """What ships of the head of music, and its rows of the card."""
    music, rows = music_head()
    tensors: Tensors = {f"music.{name}": getattr(music, name) for name in mood.MUSIC_PARTS}
    return tensors | {"music.usual": usual(music.scale)}, rows


def usual(scale: MoodScale) -> Floats:
    """A scale as it ships: [2 2]."""
    return np.stack([scale.mean, scale.deviation]).astype(np.float32)


def others(args: argparse.Namespace) -> tuple[Tensors, list[str]]:
    """What ships of all heads but that of music, and their rows of the card."""
    weights = Resolver(offline=True)
    reader, ears = encoder.load(mood.READER, weights), encoder.load("ears", weights)
    text, text_row = text_head(args.words, weights)
    picture, picture_row = picture_head(args.pictures, weights)
    moods = class_moods(reader, text)
    tensors: Tensors = {f"text.{name}": half(getattr(text, name)) for name in mood.TEXT_PARTS}
    tensors |= {f"image.{name}": half(getattr(picture, name)) for name in mood.PICTURE_PARTS}
    tensors |= {"image.gamma": np.array(picture.gamma, np.float32), "audioset.moods": moods}
    effect = MoodScale.of(sounds.meanings(args.corpus, ears, moods))
    for kind, scale in (("text", text.scale), ("image", picture.scale), ("effect", effect)):
        tensors[f"{kind}.usual"] = usual(scale)
    return tensors, [text_row, picture_row]


def main() -> None:
    """Fit the heads, write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--corpus", type=Path, default=cache_folder())
    parser.add_argument("--music", action="store_true", help="leave the other heads as they are")
    parser.add_argument("--listen", type=Path, nargs="+", metavar="FILE", help="packages to write titles.tsv from")
    args = parser.parse_args()
    if not args.music and not args.listen and (args.words is None or args.pictures is None):
        parser.error("--words and --pictures are needed, or --music or --listen")
    if args.listen:
        titles.listen(args.listen, encoder.load("ears", Resolver(offline=True))).write()
        return
    card = Path(__file__).with_name("card.md").read_text("utf-8")
    if args.music:
        tensors: Tensors = dict(load_file(OUT / "mood.safetensors"))
        shipped = (OUT / "mood.md").read_text("utf-8").splitlines()
        rows = [line for line in shipped if line.startswith(("| texts", "| pictures"))]
    else:
        tensors, rows = others(args)
    music, music_rows = music_tensors()
    tensors |= music
    save_file({name: np.array(value, order="C") for name, value in tensors.items()}, OUT / "mood.safetensors")
    (OUT / "mood.md").write_text(
        card.replace("{rows}", "\n".join(rows)).replace("{music}", "\n".join(music_rows)), "utf-8"
    )


if __name__ == "__main__":
    main()
