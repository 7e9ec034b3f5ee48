"""A captioner of the hub: Whisper taught to describe sounds (Kadlčík et al. 2023, arXiv:2305.09690), by transformers.

Its decoder begins with Whisper's usual tokens and then with the style of caption that is wanted.
"""

import threading
from typing import Any

import torch
from tokenizers import Tokenizer

from storysound.encode import hub
from storysound.errors import InputError
from storysound.media.audio import Waveform, resample
from storysound.weights.resolver import Resolver

MODEL = "whisper_captions"
RATE_HZ, LONGEST_S = 16_000, 30.0  # what the network hears at once
BEGINS = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
STYLE = "clotho > caption: "
MOST_TOKENS = 60
BEAMS = 5


class WhisperCaptions:
    """Describes a sound in a sentence."""

    def __init__(self, network: Any, tokenizer: Tokenizer, bands: Any, revision: str) -> None:
        """`network`: transformers' WhisperForConditionalGeneration; `bands`: its feature extractor."""
        self.revision = f"{MODEL} {revision}"
        self._network, self._tokenizer, self._bands = network, tokenizer, bands
        self._lock = threading.Lock()  # writing keeps its state in the network
        begins = [number for name in BEGINS if (number := tokenizer.token_to_id(name)) is not None]
        style = tokenizer.encode(STYLE, add_special_tokens=False).ids
        self._prompt = torch.tensor([[*(begins or [network.config.decoder_start_token_id]), *style]])

    @torch.inference_mode()
    def caption(self, wave: Waveform) -> str:
        """A sentence about the first 30 s of a sound."""
        mono = resample(wave.mono().cut(0.0, LONGEST_S), RATE_HZ)
        heard = self._bands(mono.samples[0], sampling_rate=RATE_HZ, return_tensors="pt").input_features
        room = int(self._network.config.max_target_positions) - self._prompt.shape[1]
        # The generation of all encoder-decoders, not Whisper's own, which begins with what speech begins with.
        with self._lock:
            (ids,) = hub.transformers().GenerationMixin.generate(
                self._network, heard, decoder_input_ids=self._prompt, max_new_tokens=min(MOST_TOKENS, room),
                do_sample=False, num_beams=BEAMS,
            )  # fmt: skip
        said: str = self._tokenizer.decode(ids[self._prompt.shape[1] :].tolist(), skip_special_tokens=True)
        return said.strip()


def load(weights: Resolver) -> WhisperCaptions:
    """The model. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, MODEL, "WhisperForConditionalGeneration")
    tokenizer = hub.tokenizer(weights, "whisper", MOST_TOKENS)
    if tokenizer.get_vocab_size() > network.config.vocab_size:
        raise InputError(
            weights.path("whisper/tokenizer.json"), "has more words than the captioner", "fetch the speech group again"
        )
    bands = hub.transformers().WhisperFeatureExtractor(feature_size=network.config.num_mel_bins)
    return WhisperCaptions(network, tokenizer, bands, hub.revision(weights, MODEL))
