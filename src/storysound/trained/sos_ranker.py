"""Sound of Story behind `find` and `score`: it hears each candidate against the query's sentences and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from storysound.cue.rendered import LISTENED_S, SHORTEST_S, Attention, RenderedCue
from storysound.encode.features import TOKEN_S
from storysound.encode.pool import Models
from storysound.ingest.footage import Footage
from storysound.match.sos import attention
from storysound.match.sos_inputs import frame_indices
from storysound.match.sos_model import Features
from storysound.media.arrays import RATE_HZ, Floats, Pixels
from storysound.media.audio import Waveform
from storysound.trained.ranker import PairRanker
from storysound.trained.sos import SosModel, load_trained

Pair = Literal["AV", "AT"]


class SosRanker(PairRanker[Features]):
    """A trained model beside a library."""

    def __init__(self, trained: SosModel) -> None:
        super().__init__(trained.encoder, trained.card.crop_s)
        self._trained = trained

    def judges(self, text: str, pictures: Sequence[Pixels]) -> bool:
        """Text, pictures uint8 [h w 3], or both."""
        return bool(text.strip() or pictures)

    def listened(self, features: Features) -> Features:
        """A sound in the common space, as much of it as the model takes."""
        room = self._trained.card.model.sounds
        return self._trained.network.audio(features._replace(tokens=features.tokens[:, :room]))

    def compared(self, text: str, pictures: Sequence[Pixels], sounds: Sequence[Features]) -> Floats:
        """Similarity [n] to text and pictures uint8 [h w 3], the mean of both."""
        network, told = self._trained.network, self._told(text, pictures)
        pairs = [[network.similarity(sound, part, pair) for pair, part in told.items()] for sound in sounds]
        return np.array([float(torch.stack(own).mean()) for own in pairs], np.float32)

    def attention(self, footage: Footage, _: object, cues: Sequence[RenderedCue]) -> dict[str, Attention]:
        """Maps for the report, as `Listener.attention`: how much of the pair score each picture and moment make up.

        1 is the largest share of a cue. Cues under which no picture was looked at, and very short ones, have none; nor
        has any where an encoder hears stretches as a whole: its parts are patches, not moments.
        """
        if self._trained.encoder.stretch_s:
            return {}
        pictures = footage.each
        times = np.array(footage.times_s)
        maps: dict[str, Attention] = {}
        for one in cues:
            under = np.flatnonzero((times >= one.cue.start_s) & (times < one.cue.end_s))
            if under.size and one.samples.shape[1] >= SHORTEST_S * RATE_HZ:
                frames = self._frames([pictures[i] for i in self._chosen(under)]).tokens[0]
                heard = self.listened(self.features(Waveform(one.samples, RATE_HZ).cut(0, LISTENED_S))).tokens[0]
                shares = attention(frames, heard, temperature=self._trained.card.model.temperature).clamp(min=0)
                at = one.cue.pieces[0].in_s + TOKEN_S * np.arange(len(heard))
                values = (shares / shares.max().clamp(min=1e-9)).numpy()
                frames_s = times[self._chosen(under)].tolist()
                maps[one.cue.id] = Attention(values, tuple(frames_s), tuple(at.tolist()))
        return maps

    def _chosen(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """As many of the numbers [n] of pictures as the model takes."""
        room = self._trained.card.model.frames
        return numbers[frame_indices(len(numbers), min(len(numbers), room))]

    def _told(self, text: str, pictures: Sequence[Pixels]) -> dict[Pair, Features]:
        """What is told and shown, in the common space; pictures are uint8 [h w 3]."""
        network, encoder = self._trained.network, self._trained.encoder
        told: dict[Pair, Features] = {}
        if text.strip():
            rows = torch.from_numpy(encoder.text((text,)))[None]
            told["AT"] = network.text(Features(rows[:, 0], rows[:, 1:]))
        if pictures:
            told["AV"] = self._frames(pictures)
        return told

    def _frames(self, pictures: Sequence[Pixels]) -> Features:
        """Pictures uint8 [h w 3] in the common space, as many as the model takes."""
        chosen = self._chosen(np.arange(len(pictures)))
        rows = self._trained.encoder.frames([pictures[i] for i in chosen])
        return self._trained.network.frames(torch.from_numpy(rows)[None])


def load(weights_file: Path, models: Models) -> SosRanker:
    """The ranker of a trained model's `best.safetensors`. Raises InputError for another file."""
    return SosRanker(load_trained(weights_file, models))
