"""`storysound evaluate caption`: captions of sounds against those of people, on Clotho's layout.

Rows of the paper's Table 3 (Fang et al. 2024): a model of `storysound train caption` or of the hub, beside the gloss of
what is heard, one caption for everything, and one of the people against the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.ingest.sound_sets import read_clotho
from storysound.jobs.annotate import captioners
from storysound.jobs.annotate.captioners import Captioner
from storysound.metrics import caption
from storysound.metrics.judges import Judge, Spice, meteor
from storysound.research.results import Column, Row
from storysound.train.loop import Tell
from storysound.weights.resolver import Resolver

PAPER, TABLES, TASKS = "bgtai", ("3",), ("captions",)
FIGURES = {
    "Bleu_1": "B1", "Bleu_2": "B2", "Bleu_3": "B3", "Bleu_4": "B4", "METEOR": "M", "ROUGE_L": "RL", "CIDEr": "Cr",
    "SPICE": "S", "SPIDEr": "Sr",
}  # fmt: skip
COLUMNS = tuple(Column(key, heading) for key, heading in FIGURES.items())
LEAST = 2  # sounds: CIDEr weighs words by how few of them have them
ONE_FOR_ALL = "a person is speaking"


@dataclass(frozen=True)
class Recipe:
    """What is evaluated; each can be given as key=value."""

    data: Path  # Clotho's table: file_name, caption_1 … caption_5
    audio: Path  # folder of its sounds
    model: str = ""  # best.safetensors of a run of `storysound train caption`, or "hub"; empty: baselines alone
    beams: int = 5
    meteor: bool = True  # false: without METEOR, which needs Java and its files
    spice: str = ""  # folder of spice-1.0.jar and its lib; empty: without SPICE
    profile: str = "embedded"

    def __post_init__(self) -> None:
        if self.beams < 1:
            raise ValueError(f"beams is at least 1, got {self.beams}")


def evaluate(recipe: Recipe, weights: Resolver, tell: Tell) -> list[Row]:
    """All rows that are measured; each caption that people wrote counts as one row's references.

    Raises InputError for a table without sounds, MissingModelError for a judge or model that can't be had.
    """
    judges: list[Judge] = [meteor(weights)] if recipe.meteor else []
    judges += [Spice(Path(recipe.spice))] if recipe.spice else []
    pairs = read_clotho(recipe.data, recipe.audio)
    if len(pairs) < LEAST:
        raise InputError(recipe.data, f"has {len(pairs)} sounds: too few", f"give {LEAST} or more")
    rows = []
    for name, told, wanted in _told(recipe, pairs, weights, tell):
        found = caption.evaluate(told, wanted, judges)
        figures = {key: found[key] for key in FIGURES if key in found}
        protocol = f"{found['protocol']}; {found['tokeniser']}"
        rows.append(Row("captions", name, figures, {}, found["n"], recipe.data.name, protocol))
    return rows


def _told(
    recipe: Recipe, pairs: Sequence[tuple[Path, tuple[str, ...]]], weights: Resolver, tell: Tell
) -> Iterator[tuple[str, list[str], list[tuple[str, ...]]]]:
    """Name of a captioner, its captions, and those of people."""
    heard: dict[str, Captioner] = {
        "gloss of what is heard": captioners.by_events(Models(load_profile(recipe.profile), weights))
    }
    if recipe.model == "hub":
        heard["Whisper Audio Captioning"] = captioners.by_hub(weights)
    elif recipe.model:
        heard["our captioner"] = captioners.by_model(Path(recipe.model), weights, recipe.beams)
    for name, captioner in heard.items():
        told, wanted = [], []
        for file, captions in pairs:
            try:
                told.append(captioner(file))
                wanted.append(captions)
            except MediaError as error:
                tell(f"left out: {error}")
        if len(told) < LEAST:
            raise InputError(recipe.audio, "hardly a sound can be heard", "look at the lines above")
        yield name, told, wanted
    references = [captions for _, captions in pairs]
    yield "one caption for all", [ONE_FOR_ALL] * len(pairs), references
    if min(len(captions) for captions in references) > 1:
        yield "people: one against the others", [some[0] for some in references], [some[1:] for some in references]
