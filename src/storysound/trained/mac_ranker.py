"""MAC behind `find` and `score`: a model of pictures and sounds, or of sounds and words, judges candidates again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from storysound.encode.features import TOKEN_S
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.match.mac_experts import SOUND
from storysound.match.mac_model import Tokens, VideoEmbeddings
from storysound.match.sos_inputs import FRAMES, frame_indices
from storysound.match.sos_model import Features
from storysound.media.arrays import Floats, Pixels
from storysound.trained.mac import MacModel, load_trained
from storysound.trained.ranker import PairRanker


class MacRanker(PairRanker[Tokens]):
    """A trained model beside a library. All candidates are co-attended with the query, each on its own."""

    def __init__(self, trained: MacModel) -> None:
        """Raises UsageError for a model of videos and words: it finds no sounds."""
        card = trained.card
        if SOUND not in (card.seen, card.heard):
            raise UsageError(
                "this model finds videos by words; train one with seen=sound for texts, or with "
                "heard=sound for pictures"
            )
        super().__init__(trained.encoder, card.crop_s)
        self._trained = trained

    def judges(self, text: str, pictures: Sequence[Pixels]) -> bool:
        """Text, or pictures uint8 [h w 3]: whatever the model learned from."""
        return bool(text.strip()) if self._trained.card.seen == SOUND else bool(pictures)

    def listened(self, features: Features) -> Tokens:
        """As much of a sound as the model learned from."""
        whole = self.encoder.stretch_s > 0
        tokens = features.tokens if whole else features.tokens[:, : max(1, round(self.crop_s / TOKEN_S))]
        return Tokens(tokens, torch.ones(tokens.shape[:2], dtype=torch.bool))

    def compared(self, text: str, pictures: Sequence[Pixels], sounds: Sequence[Tokens]) -> Floats:
        """Scores [n] of all candidates; pictures are uint8 [h w 3]."""
        network, experts = self._trained.network, self._trained.experts
        if self._trained.card.seen == SOUND:
            rows = torch.from_numpy(self.encoder.text((text,)))[None][:, 1:]
            told = network.audio(Tokens(rows, torch.ones(rows.shape[:2], dtype=torch.bool)))
            seen = [network.video(experts.of_sounds(sound)) for sound in sounds]
            all_seen = VideoEmbeddings(*(torch.cat(parts) for parts in zip(*seen, strict=True)))
            return np.asarray(network.scores(all_seen, told)[:, 0], np.float32)
        chosen = frame_indices(len(pictures), min(len(pictures), FRAMES))
        frames = torch.from_numpy(self.encoder.frames([pictures[i] for i in chosen]))[None]
        shown = network.video(experts.of_pictures(Tokens(frames, torch.ones(frames.shape[:2], dtype=torch.bool))))
        heard = torch.cat([network.audio(sound) for sound in sounds])
        return np.asarray(network.scores(shown, heard)[0], np.float32)


def load(weights_file: Path, models: Models) -> MacRanker:
    """The ranker of a run's `best.safetensors`. Raises InputError for another file, UsageError as `MacRanker`."""
    return MacRanker(load_trained(weights_file, models))
