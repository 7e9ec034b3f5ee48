"""Captions of music: made of tags, or of what an encoder hears; and cleaned of talk about the recording.

Captioners learned from captions that begin with how good the recording is, and say so of any music. MMVA ("IMEMNet-C")
takes that out in two passes: a rule for the most common phrase, then a language model with four examples.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from storysound.annotate.chat import Chat
from storysound.encode.encoder import Encoder
from storysound.media.audio import Waveform

log = logging.getLogger(__name__)

TAGS_HEARD = 5
_COMMON = re.compile(r"\b(?:low|poor|bad)[ -]quality recording features\b", re.IGNORECASE)
_QUALITY = re.compile(
    r"\bquality\b|\blo-?fi\b|\bnois[ey]\w*|\bin mono\b|\bhiss\w*|\bamateur\w*|\b(?:badly|poorly) recorded\b",
    re.IGNORECASE,
)
_TASK = (
    "You edit descriptions of music. Take out everything that is said about how well the music was recorded or how "
    "good it sounds technically, and smooth the sentence. Keep all else as it is. Answer with the description alone."
)
_EXAMPLES = (
    ("The low quality recording features a slow ballad with a soft piano.", "A slow ballad with a soft piano."),
    ("A fast rock song with loud drums. The recording is noisy and in mono.", "A fast rock song with loud drums."),
    ("Poor audio quality. A choir sings a solemn hymn in a church.", "A choir sings a solemn hymn in a church."),
    (
        "This amateur recording has a man playing a happy tune on an accordion, with some hiss.",
        "A man plays a happy tune on an accordion.",
    ),
)


class Captioner(Protocol):
    """Says in a sentence or two what a piece of music is like."""

    revision: str  # changes whenever the same music would get other words

    def caption(self, music: Waveform) -> str:
        """A caption of mono music. Raises ValueError for music of no length."""
        ...


class TagCaptioner:
    """Captions of the tags that an encoder is surest of; embedded, needs no model hub."""

    def __init__(self, encoder: Encoder[Any], space: str) -> None:
        """`space`: which of the encoder's label spaces names music."""
        self._encoder, self._space = encoder, space
        self.revision = f"heard-{encoder.name}-{encoder.revision}-{space}"

    def caption(self, music: Waveform) -> str:
        """The surest tags, the surest first."""
        scores = self._encoder.encode([music])[0].scores[self._space].mean(axis=0)
        surest = np.argsort(-scores, kind="stable")[:TAGS_HEARD]
        return from_tags([self._encoder.labels[self._space][i] for i in surest])


def from_tags(tags: Sequence[str]) -> str:
    """A caption made of tags.

    >>> from_tags(["calm", "acoustic guitar"])
    'Music: calm, acoustic guitar.'
    """
    return f"Music: {', '.join(tags)}."


def by_rule(caption: str) -> str:
    """The first pass: the most common phrase about quality, shortened.

    >>> by_rule("The low quality recording features a harp.")
    'The recording features a harp.'
    """
    return _COMMON.sub("recording features", caption)


def speaks_of_quality(caption: str) -> bool:
    """Whether the recording seems to be talked about, rather than the music."""
    return bool(_QUALITY.search(caption))


def by_model(caption: str, chat: Chat) -> str:
    """The second pass: a language model takes out what is said about quality.

    An answer that is empty, or longer than a caption can have become, is logged and the caption stays. Raises
    InputError where the endpoint fails.
    """
    messages = [{"role": "system", "content": _TASK}]
    for before, after in _EXAMPLES:
        messages += [{"role": "user", "content": before}, {"role": "assistant", "content": after}]
    answer = " ".join(chat.ask([*messages, {"role": "user", "content": caption}]).strip("\"' \n").split())
    if not answer or len(answer) > len(caption) + 20:
        log.warning("%s gave no usable caption for %r: it stays as it is", chat.model, caption)
        return caption
    return answer
