"""From captions of either sense to the description of a clip, with who said each sentence.

TAVGBench (section 3.2) has both captions rephrased and then merged by a language model. By rule they stay as grammar
put them and follow each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from storysound.annotate.sentences import description, split_sentences
from storysound.story import Span

RULE = "rule 1"  # raised whenever the same captions would give another description


@dataclass(frozen=True)
class Caption:
    """What was said of one sense of a clip; `by`: who said it, model and revision; `span`: of which stretch."""

    text: str
    by: str
    span: Span


@dataclass(frozen=True)
class Sentence:
    """A sentence with its maker: model and revision, the hash of the prompt that asked for it, and the stretch."""

    text: str
    part: Literal["video", "audio", "description"]
    by: str
    prompt_sha256: str
    span: Span


@dataclass(frozen=True)
class Description:
    """Texts of a clip: `video` and `audio` rephrased, `text` both merged; `sentences` of all three; what went wrong."""

    text: str
    video: str
    audio: str
    sentences: tuple[Sentence, ...]
    faults: tuple[str, ...] = ()


class Rewriter(Protocol):
    """Whoever makes a description of two captions."""

    revision: str  # changes whenever the same captions would get other words

    def describe(self, video: Caption, audio: Caption) -> Description:
        """The description of a clip; captions may be empty."""
        ...


class ByRule:
    """Both captions, one after the other, at most fifty words together."""

    revision = RULE

    def describe(self, video: Caption, audio: Caption) -> Description:
        """Never fails."""
        text = description(video.text, audio.text)
        whole = Span(min(video.span.start_s, audio.span.start_s), max(video.span.end_s, audio.span.end_s))
        said = (
            *said_by(video.text, "video", video.by, "", video.span),
            *said_by(audio.text, "audio", audio.by, "", audio.span),
            *said_by(text, "description", RULE, "", whole),
        )
        return Description(text, video.text, audio.text, said)


def said_by(
    text: str, part: Literal["video", "audio", "description"], by: str, prompt_sha256: str, span: Span
) -> Sequence[Sentence]:
    """The sentences of a text, all by the same maker."""
    return [Sentence(each, part, by, prompt_sha256, span) for each in split_sentences(text)]
