"""Who describes the clips of a run, several at a time, and what that costs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from storysound.annotate import local_chat
from storysound.annotate.caption_store import CaptionStore
from storysound.annotate.chat import Chat, RefusedError, UnansweredError
from storysound.annotate.endpoint import Endpoint, OutOfBudgetError, Spent, tokens_of
from storysound.annotate.faithful import Faithful
from storysound.annotate.rewriting import ByModel, ByRule, Caption, Description, Rewriter, prompts
from storysound.encode import lemmas
from storysound.encode.pool import Models
from storysound.errors import InputError
from storysound.jobs.annotate.request import AnnotateRequest, RewriteConfig, RewriteCost
from storysound.library.annotations import ANSWERS

IN_A_ROW = 4  # clips that an endpoint fails at one after the other before it is left alone
USUAL_WORDS, WORD_TOKENS = 17, 1.4  # of a caption by grammar (docs/RESULTS.md), and tokens of a word
QUESTIONS = 3  # a clip: both captions rephrased, then merged


class Describer:
    """Makes descriptions of captions; what an endpoint fails at is told and left out."""

    def __init__(self, request: AnnotateRequest, models: Models) -> None:
        """Loads what it needs. Raises MissingModelError, and InputError for a damaged model of the hub."""
        config = request.rewriting
        self._endpoint: Endpoint | None = None
        self._at_once, self._failed = 1, 0
        self.rewriter: Rewriter = ByRule()
        if config is None:
            return
        faithful = Faithful(models.text, models.get("lemmas", lemmas.load).of)
        if config.endpoint:
            chat = Chat(config.endpoint, config.model, config.timeout_s, config.most_tokens)
            self._endpoint = Endpoint(chat, config.limits, CaptionStore(request.out / ANSWERS))
            self._at_once = config.limits.at_once
            self.rewriter = ByModel(self._endpoint.revision, self._endpoint.answer, faithful)
        else:
            local = models.get(local_chat.MODEL, local_chat.load)
            answer = partial(local.answer, most_tokens=config.most_tokens)
            self.rewriter = ByModel(local.revision, answer, faithful)

    @property
    def spent(self) -> Spent:
        """In this run so far."""
        return self._endpoint.spent if self._endpoint else Spent()

    def describe(self, captions: Sequence[tuple[Caption, Caption]]) -> list[Description | InputError]:
        """The description of each clip, or why there is none, in order.

        An OutOfBudgetError says that nothing more may be asked. Raises OutputError where answers can't be kept,
        Cancelled.
        """
        if self._at_once == 1:
            return [self._one(*each) for each in captions]
        with ThreadPoolExecutor(self._at_once) as pool:
            asked = [pool.submit(copy_context().run, partial(self._one, *each)) for each in captions]
            try:
                return [each.result() for each in asked]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, video: Caption, audio: Caption) -> Description | InputError:
        if self._failed >= IN_A_ROW:
            return UnansweredError("the endpoint", "failed too often in a row", "see above")
        try:
            made = self.rewriter.describe(video, audio)
        except OutOfBudgetError as error:
            return error
        except (RefusedError, UnansweredError) as error:
            self._failed += 1
            self.last_fault = error
            return error
        self._failed = 0
        return made

    last_fault: InputError | None = None

    def check(self) -> None:
        """Raises the endpoint's last fault where it failed too often in a row."""
        if self._failed >= IN_A_ROW and self.last_fault is not None:
            raise self.last_fault


def cost_of(spent: Spent, config: RewriteConfig | None) -> RewriteCost:
    """What was spent, with its price."""
    price = 0.0
    if config is not None:
        price = (spent.prompt_tokens * config.prompt_price + spent.answer_tokens * config.answer_price) / 1e6
    return RewriteCost(spent.requests, spent.refused, spent.prompt_tokens, spent.answer_tokens, round(price, 6))


def expected(clips: int, config: RewriteConfig | None) -> RewriteCost:
    """What so many clips will cost: three questions each, of captions as long as they usually are."""
    if config is None or not config.endpoint:
        return RewriteCost()
    caption = "word " * round(USUAL_WORDS * WORD_TOKENS * 4 / 5)  # of so many tokens
    asked = prompts()
    questions = [asked.rephrase("video", caption), asked.rephrase("audio", caption), asked.both(caption, caption)]
    answers = round(USUAL_WORDS * WORD_TOKENS * (1 + 1 + 2))
    spent = Spent(QUESTIONS * clips, 0, clips * sum(map(tokens_of, questions)), clips * answers)
    return cost_of(spent, config)
