"""A language model behind any OpenAI-compatible endpoint, for those who name one: nothing else is ever asked."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import requests

from storysound.errors import InputError, UsageError

KEY = "STORYSOUND_LLM_KEY"  # the environment variable whose value an endpoint that wants a key is given

Message = Mapping[str, str]  # "role" and "content"


@dataclass(frozen=True)
class Chat:
    """A model at an endpoint such as http://localhost:11434/v1; redirects to elsewhere are not followed."""

    endpoint: str
    model: str
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        if not self.endpoint.startswith(("http://", "https://")):
            raise UsageError(f"{self.endpoint!r} is no endpoint: give one like http://localhost:11434/v1")
        if not self.model:
            raise UsageError(f"name the model that {self.endpoint} is to use")

    def ask(self, messages: Sequence[Message]) -> str:
        """The model's answer, at temperature 0. Raises InputError where the endpoint doesn't give one."""
        address = f"{self.endpoint.rstrip('/')}/chat/completions"
        body = {"model": self.model, "messages": list(messages), "temperature": 0}
        headers = {"Authorization": f"Bearer {key}"} if (key := os.environ.get(KEY)) else {}
        try:
            answer = requests.post(address, json=body, headers=headers, timeout=self.timeout_s, allow_redirects=False)
        except requests.RequestException as error:
            fault = f"does not answer: {type(error).__name__}"
            raise InputError(address, fault, "check that it runs, and its address") from error
        if answer.status_code != requests.codes.ok:
            said = " ".join(answer.text.split())[:200]
            do = f"it may want a key: set {KEY}" if answer.status_code in (401, 403) else "check address and model"
            raise InputError(address, f"answers {answer.status_code}: {said}", do)
        try:
            text = answer.json()["choices"][0]["message"]["content"]
            if not isinstance(text, str):
                raise TypeError(f"content is {type(text).__name__}")
        except (ValueError, LookupError, TypeError) as error:
            raise InputError(address, f"gives no chat completion: {error}", "give another endpoint") from error
        return text.strip()
