"""A captioner of pictures of the hub: Florence-2 (Xiao et al. 2023, arXiv:2311.06242), by the library transformers.

It is newer than the BLIP-2 that TAVGBench took, a tenth of its size, and under the MIT licence.
"""

import threading
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from storysound.encode import hub
from storysound.errors import InputError
from storysound.media.arrays import Pixels
from storysound.weights.resolver import Resolver

MODEL = "florence2"
SIDE_PX, STRIDE_PX = 768, 32  # of a picture, and of what a token is about
TASK = "Describe in detail what is shown in the image."  # the words of its task <DETAILED_CAPTION>
MOST_TOKENS, BEAMS = 80, 3
LONGEST = 64  # tokens of the task
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class FlorenceCaptions:
    """Describes a picture in a sentence or two."""

    def __init__(self, network: Any, tokenizer: Tokenizer, revision: str) -> None:
        """`network`: transformers' Florence2ForConditionalGeneration."""
        self._network, self._tokenizer, self._revision = network, tokenizer, revision
        self._lock = threading.Lock()  # writing keeps its state in the network
        words = network.config.text_config
        task = tokenizer.encode(TASK, add_special_tokens=False).ids
        seen = [network.config.image_token_id] * ((SIDE_PX // STRIDE_PX) ** 2 + 1)  # each patch, and all of them
        self._prompt = torch.tensor([[*seen, words.bos_token_id, *task, words.eos_token_id]])

    @property
    def revision(self) -> str:
        """Changes with any of the model's files."""
        return f"{MODEL} {self._revision}"

    @torch.inference_mode()
    def caption(self, picture: Pixels) -> str:
        """What a picture uint8 [h w 3] shows."""
        with self._lock:
            (ids,) = self._network.generate(
                input_ids=self._prompt, attention_mask=torch.ones_like(self._prompt), pixel_values=prepare(picture),
                max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=BEAMS,
            )  # fmt: skip
        said: str = self._tokenizer.decode(ids.tolist(), skip_special_tokens=True)
        return " ".join(said.split())


def prepare(picture: Pixels) -> Tensor:
    """[h w 3] uint8 -> [1 3 SIDE_PX SIDE_PX]: bicubic, by ImageNet's mean and spread."""
    small = Image.fromarray(picture).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    pixels = (np.asarray(small, np.float32) / 255 - np.array(_MEAN)) / np.array(_SPREAD)
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None]


def load(weights: Resolver) -> FlorenceCaptions:
    """The model. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, MODEL, "Florence2ForConditionalGeneration")
    tokenizer = hub.tokenizer(weights, MODEL, LONGEST)
    if tokenizer.get_vocab_size() > network.config.text_config.vocab_size:
        raise InputError(
            weights.path(f"{MODEL}/tokenizer.json"), "has more words than the captioner", "fetch its files again"
        )
    return FlorenceCaptions(network, tokenizer, hub.revision(weights, MODEL))
