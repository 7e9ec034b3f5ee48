"""The starter sounds: written once with their licences, analysed once for a profile."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from jobs.index_fakes import EarsModels
from library_fakes import tone
from storysound.errors import MissingModelError
from storysound.jobs import starter
from storysound.jobs.starter import starter_library
from storysound.library.starter import write_starter
from storysound.library.store import Library
from storysound.media.audio import read_audio
from storysound.progress import Watch
from storysound.weights.catalogue import CatalogueEntry
from storysound.weights.resolver import Resolver


def entry(name: str, file: Path) -> CatalogueEntry:
    data = file.read_bytes()
    return CatalogueEntry(
        name, f"file:{file}", hashlib.sha256(data).hexdigest(), len(data), "CC0-1.0", "yes", "Ann Onym", "starter"
    )


@pytest.fixture
def entries(tmp_path: Path) -> dict[str, CatalogueEntry]:
    whoosh = tone(tmp_path / "own" / "whoosh.wav", 1.0, 440)
    rain = tmp_path / "own" / "rain.ogg"
    soundfile.write(rain, read_audio(tone(tmp_path / "own" / "rain.wav", 1.0, 300)).samples[0], 16_000)
    own = {"starter/effects/whoosh.wav": whoosh, "starter/ambience/rain.ogg": rain}
    return {name: entry(name, file) for name, file in own.items()}


def offline(cache: Path, entries: Mapping[str, CatalogueEntry]) -> Resolver:
    return Resolver(cache, offline=True, entries=entries)


def test_the_same_samples_with_licence_and_credit(tmp_path: Path, entries: dict[str, CatalogueEntry]) -> None:
    write_starter(offline(tmp_path / "cache", entries), tmp_path / "sounds")
    with soundfile.SoundFile(tmp_path / "sounds" / "effects" / "whoosh.flac") as flac:
        assert (flac.license, flac.artist) == ("CC0-1.0", "Ann Onym")
        read = flac.read(dtype="int16")
    np.testing.assert_array_equal(read, soundfile.read(tmp_path / "own" / "whoosh.wav", dtype="int16")[0])
    rain = tmp_path / "sounds" / "ambience" / "rain.ogg"
    with av.open(str(rain)) as ogg:
        tags = ogg.streams.audio[0].metadata | ogg.metadata
        assert (tags["license"], tags["artist"]) == ("CC0-1.0", "Ann Onym")
    np.testing.assert_array_equal(read_audio(rain).samples, read_audio(tmp_path / "own" / "rain.ogg").samples)


def test_analysed_once(tmp_path: Path, entries: dict[str, CatalogueEntry]) -> None:
    models = EarsModels()
    models.weights = offline(tmp_path / "cache", entries)
    library = starter_library(models, Watch())
    assert sorted(s.path for s in Library.open(library).sounds()) == ["ambience/rain.ogg", "effects/whoosh.flac"]
    assert models.heard == 2
    assert starter_library(models, Watch()) == library
    assert models.heard == 0


def test_analysed_anew_where_the_analysis_is_another(
    tmp_path: Path, entries: dict[str, CatalogueEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = EarsModels()
    models.weights = offline(tmp_path / "cache", entries)
    before = starter_library(models, Watch())
    monkeypatch.setattr(starter, "REVISION", "another")
    assert starter_library(models, Watch()) != before


def test_what_was_not_fetched_is_told(tmp_path: Path, entries: dict[str, CatalogueEntry]) -> None:
    (tmp_path / "own" / "whoosh.wav").unlink()
    with pytest.raises(MissingModelError, match="models pull starter"):
        write_starter(offline(tmp_path / "cache", entries), tmp_path / "sounds")
