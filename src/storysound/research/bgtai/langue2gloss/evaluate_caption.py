"""`storysound evaluate caption`: captions of sounds against those of people, on Clotho's layout.

Rows of the paper's Table 3 (Fang et al. 2024): a model of `storysound train caption` or of the hub, beside the gloss of
what is heard, one caption for everything, and one of the people against the others.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.ingest.sound_sets import read_clotho
from storysound.jobs.annotate import captioners
from storysound.jobs.annotate.captioners import Captioner
from storysound.metrics import caption
from storysound.metrics.judges import Judge, Spice, meteor
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.bgtai.langue2gloss.settings import CAPTION_FIGURES, CAPTION_TASK, CaptionEvaluation

LEAST = 2  # sounds: CIDEr weighs words by how few of them have them
ONE_FOR_ALL = "a person is speaking"


def evaluate(recipe: CaptionEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured; each caption that people wrote counts as one row's references.

    Raises InputError for a table without sounds, MissingModelError for a judge or model that can't be had.
    """
    judges: list[Judge] = [meteor(models.weights)] if recipe.meteor else []
    judges += [Spice(recipe.spice)] if recipe.spice else []
    pairs = read_clotho(recipe.data, recipe.audio)
    if len(pairs) < LEAST:
        raise InputError(recipe.data, f"has {len(pairs)} sounds: too few", f"give {LEAST} or more")
    rows = []
    for name, told, wanted in _told(recipe, pairs, models, watch):
        found = caption.evaluate(told, wanted, judges)
        figures = {key: found[key] for key in CAPTION_FIGURES if key in found}
        protocol = f"{found['protocol']}; {found['tokeniser']}"
        rows.append(Row(CAPTION_TASK, name, figures, {}, found["n"], recipe.data.name, protocol))
    return rows


def _told(
    recipe: CaptionEvaluation, pairs: Sequence[tuple[Path, tuple[str, ...]]], models: Models, watch: Watch
) -> Iterator[tuple[str, list[str], list[tuple[str, ...]]]]:
    """Name of a captioner, its captions, and those of people."""
    heard: dict[str, Captioner] = {
        "gloss of what is heard": captioners.by_events(Models(load_profile(recipe.profile), models.weights))
    }
    if recipe.model == "hub":
        heard["Whisper Audio Captioning"] = captioners.by_hub(models)
    elif recipe.model:
        heard["our captioner"] = captioners.by_model(Path(recipe.model), models, recipe.beams)
    for name, captioner in heard.items():
        told, wanted = [], []
        for file, captions in pairs:
            try:
                told.append(captioner(file))
                wanted.append(captions)
            except MediaError as error:
                watch.say(f"left out: {error}")
        if len(told) < LEAST:
            raise InputError(recipe.audio, "hardly a sound can be heard", "look at the lines above")
        yield name, told, wanted
    references = [captions for _, captions in pairs]
    yield "one caption for all", [ONE_FOR_ALL] * len(pairs), references
    if min(len(captions) for captions in references) > 1:
        yield "people: one against the others", [some[0] for some in references], [some[1:] for some in references]
