"""What texts and sounds are about, in bare words and in order.

Of a text: its content words, uninflected (the rule). Of a sound: the names of what is heard, by the time it begins. Or
of both what a trained model of Langue2Gloss says.
"""

import re
from itertools import groupby
from pathlib import Path

from storysound.annotate.events import FileEvents
from storysound.encode import gloss, lemmas
from storysound.encode.pool import Models
from storysound.encode.wording import synonyms
from storysound.errors import UsageError
from storysound.ingest.captions import SUFFIXES, read_captions
from storysound.ingest.tables import TABLES
from storysound.jobs.gloss.request import GlossRequest, GlossResult
from storysound.jobs.listen.listen import detectors_of, listen
from storysound.media.files import check_readable
from storysound.metrics.ptb import tokens
from storysound.progress import Watch
from storysound.trained.langue2gloss import GlossModel, load_trained

TEXTS = tuple(suffix for suffix in SUFFIXES if suffix not in TABLES)  # files that are read: .srt, .vtt, .ass, .txt
_FILE_NAME = re.compile(r"\s*(?:\S*/)?[^/\s]+\.(?:[A-Za-z]\w{0,4}|3gp|3g2)\s*")


def run(request: GlossRequest, models: Models, watch: Watch) -> GlossResult:
    """The gloss of a text, or of the file of that name.

    Raises MediaError and InputError for a file that can't be read or for another model, UsageError for nothing to read.
    """
    source = str(request.source)
    learned = _learned(models, Path(request.learned)) if request.learned else None
    if not _is_file(source):
        return of_text(source, source, models, learned)
    file = Path(source)
    if file.suffix.lower() in TEXTS:
        return of_text(" ".join(caption.text for caption in read_captions(file).only), source, models, learned)
    check_readable(file)
    if learned:
        return GlossResult(source, "learned", learned.of_sound(file))
    return GlossResult(source, "heard", of_heard(listen(file, detectors_of(models), watch=watch), models))


def of_text(text: str, source: str, models: Models, learned: GlossModel | None = None) -> GlossResult:
    """Of a text from `source`. Raises UsageError where it has no words."""
    if not tokens(text):
        raise UsageError(f"{source!r} has no words to gloss", field="source")
    if learned:
        return GlossResult(source, "learned", learned.of_texts([text])[0])
    return GlossResult(source, "rule", gloss.of_text(text, models.get("lemmas", lemmas.load).of))


def of_heard(heard: FileEvents, models: Models) -> tuple[str, ...]:
    """The first name of each event's class, glossed, in the order in which they begin; not twice in a row."""
    lemma = models.get("lemmas", lemmas.load).of
    names = [synonyms(event.label)[0].partition("(")[0] for event in heard.events]
    return tuple(word for name, _ in groupby(names) for word in gloss.of_text(name, lemma))


def _learned(models: Models, file: Path) -> GlossModel:
    return models.get(f"langue2gloss {file.absolute()}", lambda _: load_trained(file, models, "gloss"))


def _is_file(source: str) -> bool:
    """Whether a file is meant: there is one, or it is one word with the ending of a file."""
    try:
        return Path(source).is_file() or bool(_FILE_NAME.fullmatch(source))
    except (OSError, ValueError):  # too long for a name, or a zero byte in it
        return False
