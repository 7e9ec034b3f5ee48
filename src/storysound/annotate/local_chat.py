"""A small language model of the hub that rewrites captions on this machine, by the library transformers.

Qwen2.5-0.5B-Instruct (Apache-2.0): small enough for a processor. It is asked in ChatML, as it was taught.
"""

import threading
from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer

from storysound.annotate.chat import Message
from storysound.encode import hub
from storysound.weights.resolver import Resolver

MODEL = "qwen2_chat"
LONGEST = 2048  # tokens of a question
BEGIN, END = "<|im_start|>", "<|im_end|>"


class LocalChat:
    """Answers questions, one at a time and always alike."""

    def __init__(self, network: Any, tokenizer: Tokenizer, revision: str) -> None:
        """`network`: transformers' Qwen2ForCausalLM."""
        self._network, self._tokenizer = network, tokenizer
        self.revision = f"{MODEL} {revision}"
        self._lock = threading.Lock()  # writing keeps its state in the network
        self._end = tokenizer.token_to_id(END)

    @torch.inference_mode()
    def answer(self, messages: Sequence[Message], most_tokens: int) -> str:
        """What it answers, of at most so many tokens."""
        turns = [f"{BEGIN}{message['role']}\n{message['content']}{END}\n" for message in messages]
        asked = torch.tensor([self._tokenizer.encode("".join(turns) + f"{BEGIN}assistant\n").ids])
        with self._lock:
            (ids,) = self._network.generate(
                asked, attention_mask=torch.ones_like(asked), max_new_tokens=most_tokens, do_sample=False,
                eos_token_id=self._end, pad_token_id=self._end or 0,
            )  # fmt: skip
        said: str = self._tokenizer.decode(ids[asked.shape[1] :].tolist(), skip_special_tokens=True)
        return said.strip()


def load(weights: Resolver) -> LocalChat:
    """The model. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, MODEL, "Qwen2ForCausalLM")
    return LocalChat(network, hub.tokenizer(weights, MODEL, LONGEST), hub.revision(weights, MODEL))
