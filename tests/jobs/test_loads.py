"""One pool of models: each is loaded once, whatever is done with it and however often."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jobs.score_fakes import SPEECH, video, voice
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.jobs.find import find
from storysound.jobs.find.request import FindRequest
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.score import score
from storysound.jobs.score.request import ScoreRequest
from storysound.match.query import Query
from storysound.media.audio import Waveform, write_wav
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

pytestmark = pytest.mark.models
RATE_HZ = 22_050


def add_sound(folder: Path, name: str, seed: int) -> None:
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, 3 * RATE_HZ).astype(np.float32)
    write_wav(folder / name, Waveform(np.cumsum(noise)[None] / 30, RATE_HZ))


def indexed(sounds: Path, library: Path, models: Models) -> None:
    with Watch() as watch:
        index.run(IndexRequest((sounds,), library), models, watch)


def test_scoring_loads_each_model_once_and_finding_none_again(tmp_path: Path, weights: Resolver) -> None:
    sounds, library = tmp_path / "sounds", tmp_path / "library"
    for seed in range(3):
        add_sound(sounds, f"{seed}.wav", seed)
    models = Models(load_profile(), weights)
    indexed(sounds, library, models)
    clip = video(tmp_path / "clip.mp4", [0, 2], 3.0, voice(6.0, SPEECH[:1]))
    with Watch() as watch:
        score.run(ScoreRequest(clip, library, tmp_path / "out.mp4", text="a storm"), models, watch)
    loads = Counter(models.loads)
    assert {"minilm", "efficientnet_lite2", "ears", "soundnet", "silero"} <= loads.keys()
    assert set(loads.values()) == {1}

    def found(query: Query) -> list[str]:
        with Watch() as watch:
            (hits,) = find.run(FindRequest(library, (query,), ignore_names=True), models, watch).hits
        return sorted(hit.sound.path for hit in hits)

    for query in (Query(text="rain"), Query(audio=sounds / "0.wav"), Query(video=clip)):
        assert found(query) == ["0.wav", "1.wav", "2.wav"]
    kept = find.finder_of(library, models)[0]
    assert find.finder_of(library, models)[0] is kept
    add_sound(sounds, "new.wav", 9)
    indexed(sounds, library, models)
    assert found(Query(text="rain")) == ["0.wav", "1.wav", "2.wav", "new.wav"]
    assert models.loads == loads
