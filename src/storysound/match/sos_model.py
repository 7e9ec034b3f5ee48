"""Sound of Story's retrieval network (Bae et al. 2023, section 4.1, figure 4): features of encoders in, similarity out.

The encoders stand outside, so that it trains on cached features as well as end to end. What it learns: a map of each
modality into the common space, the encoder of time over frames, the scale of the loss and, as an option, X-CLIP's
matrices.

Two modes. `corrected`: padding is masked wherever there is attention. `paper`: as in X-CLIP, against which Sound of
Story says nothing, masks end at the encoder of time; in the similarities padding scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.losses.contrastive import LARGEST_SCALE
from storysound.match.sos import NO_MATRICES, TEMPERATURE, Matrices, similarity
from storysound.nn.tokens import AddedMap, TemporalEncoder, straight_map


@dataclass(frozen=True)
class Config:
    """Sizes and settings; those of the paper where it or X-CLIP says them."""

    text_width: int = 512  # CLIP ViT-B/32's common space
    frame_width: int = 512
    audio_width: int = 768  # AST
    width: int = 512  # of the common space
    mapped: tuple[str, ...] = ("audio",)  # modalities with a learned map; needed where widths differ
    words: int = 77  # tokens of a text that are used, from the front
    frames: int = 40  # most frames of a video
    sounds: int = 1213  # most audio tokens: AST's for 10.24 s, less the first
    temporal_layers: int = 4
    temporal_heads: int = 8
    dropout: float = 0.0  # of the features and within the encoder of time
    temperature: float = TEMPERATURE  # of the attention over similarities
    scale: float = LARGEST_SCALE  # of similarities in the loss, at first
    matrices: bool = False  # X-CLIP's learned matrices; Sound of Story prints none
    aligned: bool = False  # features begin with `width` numbers that lie in the common space already; maps add to them
    centred: bool = False  # features lose their mean over the stories the model learns from, see `SoundOfStory.centre`
    use_tokens: bool = True  # False: the global vectors alone, for comparison
    mode: Literal["corrected", "paper"] = "corrected"

    def __post_init__(self) -> None:
        widths = {"text": self.text_width, "frames": self.frame_width, "audio": self.audio_width}
        if unknown := set(self.mapped) - widths.keys():
            raise ValueError(f"mapped names text, frames and audio, got {sorted(unknown)}")
        if unmapped := [name for name, size in widths.items() if size != self.width and name not in self.mapped]:
            raise ValueError(f"features of {', '.join(unmapped)} are not of width {self.width}: add them to `mapped`")
        if self.aligned and min(widths.values()) < self.width:
            raise ValueError(f"features that begin in the common space are as wide as it at least, got {self}")
        if self.width % self.temporal_heads or min(self.words, self.frames, self.sounds) < 1:
            raise ValueError(f"needs a width that {self.temporal_heads} heads can share, and room for tokens: {self}")
        if not (self.temperature > 0 and 0 < self.scale <= LARGEST_SCALE and 0 <= self.dropout < 1):
            raise ValueError(f"needs temperature > 0, 0 < scale <= {LARGEST_SCALE:g} and 0 <= dropout < 1, got {self}")

    @classmethod
    def tiny(cls) -> "Config":
        """Small enough for a test to train."""
        return cls(12, 16, 20, 16, ("text", "audio"), words=6, frames=5, sounds=7, temporal_layers=1, temporal_heads=2)


class Features(NamedTuple):
    """What an encoder says of items: `whole` [b d], `tokens` [b n d], `mask` bool [b n] (None: all tokens are real)."""

    whole: Tensor
    tokens: Tensor
    mask: Tensor | None = None

    def to(self, device: torch.device) -> "Features":
        """On another device."""
        return Features(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]


class SoundOfStory(nn.Module):
    """Similarities of sounds to frames and to texts."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = {"text": config.text_width, "frames": config.frame_width, "audio": config.audio_width}
        make = AddedMap if config.aligned else straight_map
        self.maps = nn.ModuleDict({name: make(widths[name], config.width) for name in config.mapped})
        for name, width in widths.items() if config.centred else ():
            self.register_buffer(f"{name}_centre", torch.zeros(width))
        self.time = TemporalEncoder(
            config.width,
            config.frames,
            layers=config.temporal_layers,
            heads=config.temporal_heads,
            dropout=config.dropout,
        )
        self.dropout = nn.Dropout(config.dropout)
        self.log_scale = nn.Parameter(torch.tensor(config.scale).log())
        rooms = {"AV": config.frames, "AT": config.words} if config.matrices else {}
        self.matrices = nn.ModuleDict(
            {pair: LearnedMatrices(config.width, config.sounds, room) for pair, room in rooms.items()}
        )

    @property
    def temperature(self) -> Tensor:
        """Of the contrastive loss: 1 / scale, never below 1 / `LARGEST_SCALE`."""
        return 1 / self.log_scale.exp().clamp(max=LARGEST_SCALE)

    def centre(self, **means: Tensor) -> None:
        """Sets the means [width] that `text`, `frames` and `audio` lose, where the model is `centred`.

        Encoders' features of different stories mostly share one direction, which says nothing.
        """
        for name, mean in means.items():
            self.get_buffer(f"{name}_centre").copy_(mean)

    def freeze(self, name: str) -> None:
        """Keeps as it is what only `text`, `frames` or `audio` need: no story has any, so nothing can be learned."""
        pair = {"frames": "AV", "text": "AT"}.get(name, "")
        for parts, key in ((self.maps, name), (self.matrices, pair)):
            if key in parts:
                parts[key].requires_grad_(False)
        if name == "frames":
            self.time.requires_grad_(False)

    def audio(self, sounds: Features) -> Features:
        """First token and the others [b n audio_width], or a global vector and steps: into the common space."""
        if sounds.tokens.shape[1] > self.config.sounds:
            raise ValueError(f"{sounds.tokens.shape[1]} audio tokens, the model has room for {self.config.sounds}")
        return self._placed("audio", sounds)

    def text(self, texts: Features) -> Features:
        """Sentence and word features into the common space; words after the first `words` are left out."""
        room, mask = self.config.words, texts.mask
        words = Features(texts.whole, texts.tokens[:, :room], None if mask is None else mask[:, :room])
        return self._placed("text", words)

    def frames(self, frames: Tensor, mask: Tensor | None = None) -> Features:
        """Frame features [b m frame_width], bool [b m], into the common space: the frames, and one vector a video."""
        if frames.shape[1] > self.config.frames:
            raise ValueError(f"{frames.shape[1]} frames, the model takes {self.config.frames}: choose some")
        tokens = F.normalize(self._mapped("frames", frames, mask), dim=-1)
        # X-CLIP: what time adds makes the video's vector; frames that are compared one by one stay as they were.
        return Features(self.time(tokens, mask), tokens, mask)

    def similarity(self, sounds: Features, others: Features, pair: Literal["AV", "AT"]) -> Tensor:
        """[q c] in [-1, 1] of what `audio` and `frames` or `text` returned; float32 under autocast too."""
        config = self.config
        with torch.autocast(sounds.whole.device.type, enabled=False):
            a, b = (Features(side.whole.float(), side.tokens.float(), side.mask) for side in (sounds, others))
            if not config.use_tokens:
                return a.whole @ b.whole.T
            masks = (a.mask, b.mask) if config.mode == "corrected" else (None, None)
            return similarity(
                a.whole,
                a.tokens,
                b.whole,
                b.tokens,
                a_mask=masks[0],
                b_mask=masks[1],
                temperature=config.temperature,
                matrices=self.matrices[pair]() if pair in self.matrices else NO_MATRICES,
            )

    def forward(
        self, audio: Features, frames: tuple[Tensor, Tensor | None] | None = None, text: Features | None = None
    ) -> Mapping[str, Tensor]:
        """Similarities of a batch of stories: "AV" [b b] where there are frames, "AT" [b b] where there is text.

        `frames`: features [b m frame_width] and which are real, bool [b m] (None: all).
        """
        sounds, found = self.audio(audio), {}
        if frames is not None:
            found["AV"] = self.similarity(sounds, self.frames(*frames), "AV")
        if text is not None:
            found["AT"] = self.similarity(sounds, self.text(text), "AT")
        return found

    def _mapped(self, name: str, features: Tensor, mask: Tensor | None) -> Tensor:
        """[b w], or [b n w] with bool [b n] -> the same with the common width."""
        if self.config.centred:
            features = features - self.get_buffer(f"{name}_centre")
        if mask is not None and self.config.mode == "corrected":
            features = features.masked_fill(~mask[..., None], 0.0)  # NaN in padding would spoil gradients
        features = self.dropout(features)
        return self.maps[name](features) if name in self.maps else features

    def _placed(self, name: str, items: Features) -> Features:
        whole, tokens = self._mapped(name, items.whole, None), self._mapped(name, items.tokens, items.mask)
        return Features(F.normalize(whole, dim=-1), F.normalize(tokens, dim=-1), items.mask)


class LearnedMatrices(nn.Module):
    """X-CLIP's matrices for one pair of modalities with at most n and m tokens."""

    def __init__(self, width: int, n: int, m: int) -> None:
        super().__init__()
        sizes = {"whole": width, "tokens": width, "n_alone": n, "m_alone": m}
        sizes |= {"n_first": n, "m_second": m, "m_first": m, "n_second": n}
        for name, size in sizes.items():
            self.register_parameter(name, nn.Parameter(torch.eye(size)))

    def forward(self) -> Matrices:
        """As the similarity takes them."""
        return Matrices(**dict(self.named_parameters()))
