"""A language model behind any OpenAI-compatible endpoint, for those who name one: nothing else is ever asked."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3

from storysound.errors import InputError, UsageError
from storysound.progress import check

KEY = "STORYSOUND_LLM_KEY"  # the environment variable whose value an endpoint that wants a key is given
MOST_BYTES = 1 << 20  # of an answer; more is no caption
BUSY = frozenset((408, 409, 425, 429, 500, 502, 503, 504))  # statuses after which the same may be asked again

Message = Mapping[str, str]  # "role" and "content"


class RefusedError(InputError):
    """The endpoint gave no answer, and nothing is to be paid: `is_busy` says whether it may give one later."""

    status = 0  # 0 where it wasn't reached at all
    retry_after_s: float | None = None  # how long it asked us to wait

    @property
    def is_busy(self) -> bool:
        """Whether asking again makes sense."""
        return self.status == 0 or self.status in BUSY


class UnansweredError(InputError):
    """The question was sent and no whole answer came: it may have to be paid, and isn't asked again by itself."""


class NonsenseError(InputError):
    """An answer came that is no chat completion: it is paid, and asking again gives hardly another."""


@dataclass(frozen=True)
class Reply:
    """What a model answered, and how many tokens both were by the endpoint's own count; 0 where it doesn't say."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0


@dataclass(frozen=True)
class Chat:
    """A model at an endpoint such as http://localhost:11434/v1; redirects to elsewhere are not followed."""

    endpoint: str
    model: str
    timeout_s: float = 120.0
    most_tokens: int = 0  # of an answer; 0: as many as the endpoint gives

    def __post_init__(self) -> None:
        if not self.endpoint.startswith(("http://", "https://")):
            raise UsageError(
                f"{self.endpoint!r} is no endpoint: give one like http://localhost:11434/v1", field="endpoint"
            )
        if not self.model:
            raise UsageError(f"name the model that {self.endpoint} is to use", field="model")
        if self.timeout_s <= 0 or self.most_tokens < 0:
            raise UsageError(f"needs timeout_s > 0, most_tokens >= 0, got {self.timeout_s:g}, {self.most_tokens}")

    @property
    def address(self) -> str:
        """What is asked."""
        return f"{self.endpoint.rstrip('/')}/chat/completions"

    def body(self, messages: Sequence[Message]) -> dict[str, Any]:
        """What is sent."""
        most = {"max_tokens": self.most_tokens} if self.most_tokens else {}
        return {"model": self.model, "messages": list(messages), "temperature": 0, **most}

    def ask(self, messages: Sequence[Message]) -> str:
        """The model's answer, at temperature 0. Raises as `reply`."""
        return self.reply(messages).text

    def reply(self, messages: Sequence[Message], mark: str = "") -> Reply:
        """As `ask`, with what it cost. `mark`: the same for the same question, for endpoints that know by it.

        Raises RefusedError, UnansweredError and NonsenseError, which are InputErrors; Cancelled.
        """
        headers = {"Authorization": f"Bearer {key}"} if (key := os.environ.get(KEY)) else {}
        headers |= {"Idempotency-Key": mark} if mark else {}
        until_s = time.monotonic() + self.timeout_s
        try:
            with requests.post(
                self.address, json=self.body(messages), headers=headers, timeout=self.timeout_s, allow_redirects=False,
                stream=True,
            ) as answer:  # fmt: skip
                data = self._read(answer, until_s)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._fault(error) from error
        if answer.status_code != requests.codes.ok:
            raise self._refused(answer, data)
        return self._parsed(data)

    def _read(self, answer: requests.Response, until_s: float) -> bytes:
        """An answer's bytes, which must all come in time. Raises UnansweredError; NonsenseError for too many."""
        data = bytearray()
        while block := answer.raw.read1(1 << 14, decode_content=True):  # as it comes: a trickle must not hold us
            check()
            data += block
            if len(data) > MOST_BYTES:
                raise NonsenseError(self.address, f"answers with more than {MOST_BYTES >> 20} MB", "give another model")
            if time.monotonic() > until_s:
                raise self._late()
        return bytes(data)

    def _late(self) -> InputError:
        return UnansweredError(self.address, f"does not answer in {self.timeout_s:g} s", "give it more time")

    def _fault(self, error: Exception) -> InputError:
        """What came of a connection that failed: before the question was sent, or after."""
        if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
            return self._late()
        fault = f"does not answer: {type(error).__name__}"
        unreached = isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error)
        kind = RefusedError if unreached else UnansweredError
        return kind(self.address, fault, "check that it runs, and its address")

    def _refused(self, answer: requests.Response, data: bytes) -> RefusedError:
        said = " ".join(data.decode("utf-8", "replace").split())[:200]
        do = f"it may want a key: set {KEY}" if answer.status_code in (401, 403) else "check address and model"
        error = RefusedError(self.address, f"answers {answer.status_code}: {said}", do)
        error.status, error.retry_after_s = answer.status_code, _seconds(answer.headers.get("Retry-After", ""))
        return error

    def _parsed(self, data: bytes) -> Reply:
        try:
            found = json.loads(data)
            text = found["choices"][0]["message"]["content"]
            if not isinstance(text, str):
                raise TypeError(f"content is {type(text).__name__}")
            used = found.get("usage") or {}
            counts = [used.get(name) for name in ("prompt_tokens", "completion_tokens")]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            fault = f"gives no chat completion: {error}"
            raise NonsenseError(self.address, fault[:200], "give another endpoint") from error
        tokens = [count if isinstance(count, int) and count >= 0 else 0 for count in counts]
        return Reply(text.strip(), *tokens)


def _seconds(wait: str) -> float | None:
    """Of a Retry-After, which is seconds or a date; None for another.

    >>> _seconds("2.5"), _seconds("soon"), _seconds("Wed, 21 Oct 2015 07:28:00 GMT")
    (2.5, None, 0.0)
    """
    try:
        return max(0.0, float(wait))
    except ValueError:
        try:
            return max(0.0, parsedate_to_datetime(wait).timestamp() - time.time())
        except (ValueError, TypeError):
            return None
