"""Writes docs/FORMATS.md anew: endings and containers from the code, the clock's table, and what tests hold.

python docs/make_formats.py
"""

import re
from pathlib import Path

from storysound.ingest.captions import SUFFIXES as CAPTIONS
from storysound.ingest.kinds import TEXT_SUFFIXES
from storysound.ingest.pictures import FILM_SUFFIXES, PICTURE_SUFFIXES
from storysound.media import clock
from storysound.media.endings import MEDIA_SUFFIXES
from storysound.media.film.containers import CONTAINERS
from storysound.media.film.sound_files import SOUND_SUFFIXES

DOCS = Path(__file__).resolve().parent
TESTS = DOCS.parent / "tests"
# What happens to a thing on its way, and the test that holds it.
PASSES = [tuple(line.split("\t")) for line in (DOCS / "formats.tsv").read_text("utf-8").splitlines()]


def endings(names: object) -> str:
    """Endings in alphabetical order."""
    return " ".join(f"`{name}`" for name in sorted(names))  # type: ignore[call-overload]


def listed(names: frozenset[str] | None) -> str:
    """Names of codecs in alphabetical order; None is any."""
    return "any" if names is None else " ".join(sorted(names))


def page() -> str:
    """The page as the code stands. Raises ValueError for a test that isn't there."""
    for _, _, test in PASSES:
        file, _, name = test.partition("::")
        if f"def {name}(" not in (TESTS / file).read_text("utf-8"):
            raise ValueError(f"no test {test}")
    table = re.search(r"\| stamps.*?(?=\n\n|\Z)", clock.__doc__ or "", re.DOTALL)
    assert table
    rows = "\n".join(
        f"| `{suffix}` | {each.audio}, {' '.join(each.lossless) or '-'} | {listed(each.video)} | {listed(each.sound)} "
        f"| {listed(each.subtitles)} | {each.text} | {'yes' if each.attachments else 'no'} |"
        for suffix, each in CONTAINERS.items()
    )
    kept = "\n".join(
        f"| {what} | {how} | [{test.partition('::')[2]}](../tests/{test.partition('::')[0]}) |"
        for what, how, test in PASSES
    )
    return f"""# What is read and written, what is kept, what is changed

Made by `python docs/make_formats.py` from the code and its tests.

## Read

Sound and film: whatever FFmpeg reads inside the PyAV wheel. A file with one of these endings that can't be read is
listed: {endings(MEDIA_SUFFIXES)}.

Stories: films, sounds, texts ({endings(TEXT_SUFFIXES)}), and folders of pictures ({endings(PICTURE_SUFFIXES)})
with films among them ({endings(FILM_SUFFIXES)}). Captions: {endings(CAPTIONS)}
([DATASETS.md](DATASETS.md) says how they are matched and read).

## Written

| film | new sound: lossy, lossless | pictures | sound that is copied | subtitles, too | other text | attachments |
|---|---|---|---|---|---|---|
{rows}

What a container can't hold is said before any work, with one that can. Sound alone: {endings(SOUND_SUFFIXES)};
WAV and FLAC have 24 bits, WAV 32-bit float where samples go beyond full scale.

## The clock of a file

{table.group()}

## Kept, changed, said

| what | what becomes of it | the test that holds it |
|---|---|---|
{kept}
"""


if __name__ == "__main__":
    (DOCS / "FORMATS.md").write_text(page(), "utf-8")
