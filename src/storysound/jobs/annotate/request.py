"""What `annotate` is asked for, and what it gives back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from storysound.annotate.chat import Chat
from storysound.annotate.endpoint import Limits
from storysound.engine import runner
from storysound.errors import UsageError

BATCH = 16  # clips per commit
CLIP_S = 10.0  # of TAVGBench
PICTURES_PER_S = 1.0


@dataclass(frozen=True)
class AnnotateConfig:
    """What decides how a caption turns out.

    `clip_s`: videos are described in clips of this length, what is left over of less than half of it going with the
    last; 0: whole. `unsupported`: whether a claim that the check finds too little for is dropped, told as doubtful
    ("mark"), or told as all others ("keep"). `by_hub`: captioners of the hub tell what is seen and heard, in their own
    sentences, which no check was measured on. Raises UsageError for values out of their range.
    """

    clip_s: float = CLIP_S
    pictures_per_s: float = PICTURES_PER_S
    unsupported: Literal["drop", "mark", "keep"] = "drop"
    by_hub: bool = False

    def __post_init__(self) -> None:
        if not (self.clip_s == 0 or self.clip_s >= 1):
            raise UsageError(f"must be at least 1 s, or 0 for whole videos, got {self.clip_s:g}", field="clip_s")
        if self.by_hub and self.unsupported != "keep":
            raise UsageError(
                "what captioners of the hub say was never measured: only 'keep' is possible", field="unsupported"
            )
        if not 0 < self.pictures_per_s <= 10:
            raise UsageError(f"must lie in (0, 10], got {self.pictures_per_s:g}", field="pictures_per_s")


@dataclass(frozen=True)
class RewriteConfig:
    """Who rephrases and merges captions, and what that may cost.

    `endpoint`: of an OpenAI-compatible model called `model`, asked for what the captions of a clip say and nothing
    else; "" for a model of the hub that runs here. `timeout_s`: for a whole answer, of `most_tokens` at most. `limits`:
    of a run. `prompt_price`, `answer_price`: of a million tokens, to say what a run costs. Raises UsageError for what
    makes no sense.
    """

    endpoint: str = ""
    model: str = ""
    timeout_s: float = 120.0
    most_tokens: int = 200
    limits: Limits = field(default_factory=Limits)
    prompt_price: float = 0.0
    answer_price: float = 0.0

    def __post_init__(self) -> None:
        if self.endpoint:
            Chat(self.endpoint, self.model, self.timeout_s, self.most_tokens)
        if self.most_tokens < 1:
            raise UsageError(f"must be at least 1, got {self.most_tokens}", field="most_tokens")
        for name in ("prompt_price", "answer_price"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"must be 0 or more, got {getattr(self, name):g}", field=name)


@dataclass(frozen=True)
class AnnotateRequest:
    """Describe `inputs` (videos, folders of them, data sets) clip by clip into the folder `out`, made if need be.

    `table`: of clips (id, start, caption), as AudioSet's and TAVGBench's are, over the media of `inputs`, which is then
    one folder: only its stretches are described. `rewriting`: who puts captions into better words; None: nobody,
    grammar alone. `dry`: only count what would be done, and what it would cost. Every `batch` clips are one commit.
    `jobs`, `engine`: as of `IngestRequest`. Raises UsageError for what makes no sense.
    """

    inputs: tuple[Path, ...]
    out: Path
    config: AnnotateConfig = field(default_factory=AnnotateConfig)
    table: Path | None = None
    rewriting: RewriteConfig | None = None
    dry: bool = False
    jobs: int = 1
    engine: str = ""
    batch: int = BATCH

    def __post_init__(self) -> None:
        if not self.inputs:
            raise UsageError("must name at least one video, folder or data set", field="inputs")
        if self.table is not None and len(self.inputs) != 1:
            raise UsageError(f"with a `table` it is one folder of media, got {len(self.inputs)}", field="inputs")
        if self.batch < 1:
            raise UsageError(f"must be at least 1 clip, got {self.batch}", field="batch")
        runner.check(self.jobs, self.engine)


@dataclass(frozen=True)
class AnnotationStats:
    """The columns of TAVGBench's Table 1 for what was made: means over `clips` (n), of those with a description."""

    clips: int = 0
    hours: float = 0.0
    sentences: float = 0.0
    words: float = 0.0
    with_video: float = 0.0  # share of clips whose pictures are described, in [0, 1]
    with_audio: float = 0.0  # share of clips whose sound is


@dataclass(frozen=True)
class RewriteCost:
    """Requests sent and tokens of questions and answers, in this run or, of a dry one, to be expected; their price."""

    requests: int = 0
    refused: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    price: float = 0.0


@dataclass(frozen=True)
class AnnotateResult:
    """What became of the clips."""

    added: int = 0
    unchanged: int = 0  # were there already: the same content, the same stretch
    claims: int = 0  # of the clips that were added
    dropped: int = 0  # claims that the check found too little for
    ignored: int = 0  # files that are no videos
    left: int = 0  # clips that the budget, or a dry run, left undone
    cost: RewriteCost = RewriteCost()
    skipped: tuple[tuple[str, str], ...] = ()  # (file or clip, reason)
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0  # of the clips that were added
    stats: AnnotationStats = AnnotationStats()  # of all that is in `out`

    @property
    def present(self) -> int:
        """Clips of these inputs that are described now."""
        return self.added + self.unchanged
