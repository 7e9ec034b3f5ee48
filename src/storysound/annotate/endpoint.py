"""Questions to a model that costs money: not too many, not too fast, none twice, and every answer kept as it comes."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storysound.annotate.caption_store import CaptionStore
from storysound.annotate.chat import Chat, Message, NonsenseError, RefusedError, Reply
from storysound.errors import InputError, UsageError
from storysound.progress import POLL_S, check

LONGEST_WAIT_S = 120.0  # between two tries, however long the endpoint asks us to wait
FIRST_WAIT_S = 1.0  # doubled with every try
CHARACTERS_A_TOKEN = 4.0  # of English, about; for what an endpoint doesn't count itself


class OutOfBudgetError(InputError):
    """What may be spent in a run is spent."""


@dataclass(frozen=True)
class Limits:
    """What may be asked in a run; 0 is no limit. Raises UsageError for values that make no sense.

    `at_once`: questions under way at a time; `per_minute`: questions begun in a minute; `requests`: all that are sent,
    tries included; `tokens`: of questions and answers; `tries` of one question where the endpoint is busy.
    """

    at_once: int = 4
    per_minute: float = 0.0
    requests: int = 0
    tokens: int = 0
    tries: int = 6

    def __post_init__(self) -> None:
        for name in ("at_once", "tries"):
            if getattr(self, name) < 1:
                raise UsageError(f"must be at least 1, got {getattr(self, name)}", field=name)
        for name in ("per_minute", "requests", "tokens"):
            if getattr(self, name) < 0:
                raise UsageError(f"must be 0 for no limit, or more, got {getattr(self, name):g}", field=name)


@dataclass(frozen=True)
class Spent:
    """What was asked in a run: requests sent, those refused among them, and tokens, counted or estimated."""

    requests: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Both."""
        return self.prompt_tokens + self.answer_tokens


class Endpoint:
    """Asks a chat within limits; safe for several threads."""

    def __init__(
        self, chat: Chat, limits: Limits, store: CaptionStore, sleep: Callable[[float], None] | None = None
    ) -> None:
        """Answers are looked for in `store`, and put there. `sleep`: how it waits; looks whether to stop."""
        self._chat, self._limits, self._store = chat, limits, store
        self._sleep = _patient if sleep is None else sleep
        self._lock = threading.Lock()
        self._next_s = 0.0  # when the next question may begin
        self._spent = Spent()
        self._held = self._requests_held = 0  # of what is under way
        self._scale = 1.0  # tokens that the endpoint counts for each that we think a question has

    @property
    def revision(self) -> str:
        """Who answers: the model, wherever it is."""
        return self._chat.model

    @property
    def spent(self) -> Spent:
        """So far in this run."""
        return self._spent

    def answer(self, messages: Sequence[Message]) -> str:
        """The answer, asked for if it isn't known; "" for one that is no chat completion.

        Raises OutOfBudgetError before anything is sent; RefusedError where it stays busy or doesn't want us,
        UnansweredError, OutputError; Cancelled.
        """
        key = self.key(messages)
        return self._store.get(key, lambda: self._bought(messages, key), {"model": self._chat.model})

    def key(self, messages: Sequence[Message]) -> str:
        """What tells a question from others: the model and every word that is sent."""
        return hashlib.sha256(json.dumps(self._chat.body(messages), sort_keys=True).encode()).hexdigest()

    def knows(self, messages: Sequence[Message]) -> bool:
        """Whether the answer is here already."""
        return self.key(messages) in self._store

    def _bought(self, messages: Sequence[Message], key: str) -> str:
        wait_s = FIRST_WAIT_S
        for tried in range(1, self._limits.tries + 1):
            held = self._hold(messages)
            try:
                self._take_turn()
                return self._paid(messages, held, key)
            except RefusedError as error:
                self._release(held, Spent(1, 1))
                if not error.is_busy or tried == self._limits.tries:
                    raise
                asked_s = error.retry_after_s
            except BaseException:
                self._release(held, Spent(1, 0, held))  # nobody knows whether it is to be paid
                raise
            self._sleep(min(LONGEST_WAIT_S, wait_s if asked_s is None else asked_s))
            wait_s *= 2
        raise AssertionError("the last try returns or raises")

    def _paid(self, messages: Sequence[Message], held: int, key: str) -> str:
        """The answer to one request. Raises as `Chat.reply`, but takes nonsense for an empty answer."""
        try:
            reply = self._chat.reply(messages, key)
        except NonsenseError:
            reply = Reply("")
        counted = reply.prompt_tokens or tokens_of(messages)
        self._scale = max(self._scale, counted / tokens_of(messages))
        self._release(held, Spent(1, 0, counted, reply.answer_tokens or round(len(reply.text) / CHARACTERS_A_TOKEN)))
        return reply.text

    def _hold(self, messages: Sequence[Message]) -> int:
        """Sets aside what a question may cost: tokens. Raises OutOfBudgetError where it isn't there."""
        most = round(self._scale * tokens_of(messages)) + self._chat.most_tokens
        with self._lock:
            limits, spent = self._limits, self._spent
            if limits.requests and spent.requests + self._requests_held >= limits.requests:
                raise OutOfBudgetError(self._chat.address, f"all {limits.requests} requests are spent", "allow more")
            if limits.tokens and spent.tokens + self._held + most > limits.tokens:
                raise OutOfBudgetError(
                    self._chat.address, f"{spent.tokens} of {limits.tokens} tokens are spent", "allow more"
                )
            self._held += most
            self._requests_held += 1
        return most

    def _release(self, held: int, used: Spent) -> None:
        with self._lock:
            self._held -= held
            self._requests_held -= 1
            self._spent = Spent(*(a + b for a, b in zip(vars(self._spent).values(), vars(used).values(), strict=True)))

    def _take_turn(self) -> None:
        """Waits until the next question may begin."""
        if not self._limits.per_minute:
            return
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(now_s, self._next_s)
            self._next_s = turn_s + 60 / self._limits.per_minute
        self._sleep(turn_s - now_s)


def tokens_of(messages: Sequence[Message]) -> int:
    """About how many tokens a question has, with four for the frame of each message."""
    return sum(4 + round(len(message["content"]) / CHARACTERS_A_TOKEN) for message in messages)


def _patient(seconds: float) -> None:
    """Waits, and looks whether to stop."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        check()
        time.sleep(min(POLL_S, left_s))
