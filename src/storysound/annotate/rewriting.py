"""From captions of either sense to the description of a clip, with who said each sentence.

TAVGBench (section 3.2) has both captions rephrased and then merged by a language model. By rule they stay as grammar
put them and follow each other.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Literal, Protocol

from storysound.annotate.chat import Message
from storysound.annotate.faithful import Faithful
from storysound.annotate.sentences import description, split_sentences
from storysound.story import Span

Part = Literal["video", "audio", "description"]
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
    part: Part
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


@dataclass(frozen=True)
class Prompts:
    """The tasks a model is given, and the hash of their file."""

    video: str
    audio: str
    merge: str
    seen: str
    heard: str
    nothing: str
    sha256: str

    def rephrase(self, part: Literal["video", "audio"], text: str) -> list[Message]:
        """Asks for a caption in better words."""
        return _asked(self.video if part == "video" else self.audio, text)

    def both(self, video: str, audio: str) -> list[Message]:
        """Asks for two captions as one description."""
        seen, heard = self.seen + (video or self.nothing), self.heard + (audio or self.nothing)
        return _asked(self.merge, f"{seen}\n{heard}")


def _asked(task: str, text: str) -> list[Message]:
    return [{"role": "system", "content": task}, {"role": "user", "content": text}]


@cache
def prompts() -> Prompts:
    """The shipped ones."""
    data = (files("storysound") / "annotate" / "prompts.toml").read_bytes()
    table = tomllib.loads(data.decode())
    tasks = {name: table[name]["task"].strip() for name in ("video", "audio", "merge")}
    words = {name: table["merge"][name] for name in ("seen", "heard", "nothing")}
    return Prompts(**tasks, **words, sha256=sha256(data).hexdigest())


class ByModel:
    """Both captions rephrased by a language model, then merged by it.

    An answer that says what its captions don't, or is no description, is not taken: the words it was to replace stay,
    and the description says why.
    """

    def __init__(self, name: str, answer: Callable[[Sequence[Message]], str], faithful: Faithful) -> None:
        """`answer`: asks the model called `name`; what it raises ends the clip."""
        self._name, self._answer, self._faithful, self._prompts = name, answer, faithful, prompts()
        self.revision = f"{name} prompts {self._prompts.sha256[:12]}"

    def describe(self, video: Caption, audio: Caption) -> Description:
        """Asks up to three times, less often where there is nothing to rephrase."""
        faults: list[str] = []
        seen, seen_by = self._rephrased("video", video, faults)
        heard, heard_by = self._rephrased("audio", audio, faults)
        text, text_by = self._merged(seen, heard, (video.text, audio.text), faults)
        whole = Span(min(video.span.start_s, audio.span.start_s), max(video.span.end_s, audio.span.end_s))
        said = (
            *said_by(seen, "video", seen_by or video.by, self._sha(seen_by), video.span),
            *said_by(heard, "audio", heard_by or audio.by, self._sha(heard_by), audio.span),
            *said_by(text, "description", text_by or RULE, self._sha(text_by), whole),
        )
        return Description(text, seen, heard, said, tuple(faults))

    def _rephrased(self, part: Literal["video", "audio"], caption: Caption, faults: list[str]) -> tuple[str, str]:
        """A caption in the model's words and who said them; in its own, and "", where those can't be taken."""
        if not caption.text:
            return "", ""
        answer = _one_line(self._answer(self._prompts.rephrase(part, caption.text)))
        if fault := self._faithful.fault(answer, [caption.text]):
            faults.append(f"{self._name}: the answer for the {part} {fault}")
            return caption.text, ""
        return answer, f"{self._name}, of {caption.by}"

    def _merged(self, seen: str, heard: str, sources: Sequence[str], faults: list[str]) -> tuple[str, str]:
        by_rule = description(seen, heard)
        if not (seen and heard):
            return by_rule, ""
        answer = _one_line(self._answer(self._prompts.both(seen, heard)))
        if fault := self._faithful.fault(answer, [seen, heard, *sources]):
            faults.append(f"{self._name}: the description {fault}")
            return by_rule, ""
        return answer, self._name

    def _sha(self, by: str) -> str:
        return self._prompts.sha256 if by else ""


def _one_line(answer: str) -> str:
    """An answer without the quotes and line breaks around and in it."""
    return " ".join(answer.strip("\"'` \n").split())


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


def said_by(text: str, part: Part, by: str, prompt_sha256: str, span: Span) -> Sequence[Sentence]:
    """The sentences of a text, all by the same maker."""
    return [Sentence(each, part, by, prompt_sha256, span) for each in split_sentences(text)]
