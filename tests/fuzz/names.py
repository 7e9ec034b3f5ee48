"""Names as people give to files, in many scripts and both forms of Unicode, and captions that mean them."""

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from fuzz.mutations import pick

PARTS = (
    "été", "Ångström", "naïve", "नमस्ते", "बारिश", "ทดสอบ", "เสียงฝน", "雨の音", "가나다", "שלום", "مطر\u200cباران",
    "Ёлка", "İstanbul", "Straße", "ﬁre", "①", "①②", "🎵", "\U0001f3f3\ufe0f\u200d\U0001f308", "e\u0323\u0307", "ế", "K",
    "v2", "St.Louis", "1.0", "en", "en-US", "de", "hi", "a_b", "x - y", "50%", "#1", "it's", "(2)", "[a]", "{b}", "a&b",
    "!", "CON", "nul", "..", "~", "$HOME",
)  # fmt: skip
FORMS = ("NFC", "NFD")
ENDINGS = (".mp4", ".MP4", ".mkv", ".webm")
LANGUAGES = ("", "", ".en", ".en-US", "_eng", ".de.forced", " (English)")


@dataclass(frozen=True)
class Named:
    """Videos that are there, each with the one word that is said of it in `captions`: a table, or a folder."""

    captions: Path
    texts: dict[Path, str]
    what: str


def written(folder: Path, rng: Generator) -> Named:
    """Videos that differ in more than form, ending and space around, and captions of all of them."""
    videos, seen = folder / "videos", set()
    videos.mkdir()
    texts: dict[Path, str] = {}
    for number in range(int(rng.integers(2, 8))):
        stem = "".join(pick(rng, PARTS) + pick(rng, ("", " ", "_", ".", "-")) for _ in range(int(rng.integers(1, 5))))
        stem = (stem.strip(" .") or "x") * (int(rng.integers(2, 12)) if rng.random() < 0.1 else 1)
        stem, ending = unicodedata.normalize(pick(rng, FORMS), stem), pick(rng, ENDINGS)
        if _alike(stem) in seen or len(unicodedata.normalize("NFD", stem).encode()) > 220 or stem.startswith("."):
            continue
        seen.add(_alike(stem))
        texts[videos / f"{stem}{ending}"] = f"w{100 + number}x"
    is_table = rng.random() < 0.6
    captions = folder / ("table.csv" if is_table else "captions")
    if is_table:
        captions.write_text(_table(texts, rng), "utf-8")
    else:
        captions.mkdir()
        for video, text in texts.items():
            language = pick(rng, LANGUAGES)
            is_taken = any(_alike(f"{video.stem}{language}") == _alike(other.stem) for other in texts)
            name = unicodedata.normalize(pick(rng, FORMS), f"{video.stem}{'' if is_taken else language}.txt")
            (captions / name).write_text(text, "utf-8")
    return Named(captions, texts, f"{'a table' if is_table else 'texts'} of {[video.name for video in texts]}")


def _alike(stem: str) -> str:
    return unicodedata.normalize("NFKC", stem).strip()


def _table(texts: dict[Path, str], rng: Generator) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("video", "caption"))
    for video, word in texts.items():
        name = pick(rng, (video.name, video.stem, f"videos/{video.name}", f"./{video.stem}", f" {video.name} "))
        rows.writerow((unicodedata.normalize(pick(rng, FORMS), name), word))
    return text.getvalue()
