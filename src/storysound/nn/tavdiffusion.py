"""TAVDiffusion's network (TAVGBench, section 4): two latent UNets, of sound and of picture, that meet in the middle.

Both are UNets of Stable Diffusion 1.5's kind from diffusers: that of sound as it is, for latents of mel spectrograms
[b c h w] whose height is the time, as AudioLDM's autoencoder has them; that of picture inflated to clips [b f c h w]
(`nn.inflated_unet`). A text encoder's tokens [b k t] tell both what is wanted. Between encoders and decoders each
attends to the other (Eq. 12). Nothing is made or read here. Axes: b clips, f frames, c channels, h w height and width,
n tokens of sound, m of picture, d numbers of a token.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from storysound.nn.inflated_unet import AddedAttention, inflated, middles
from storysound.nn.latent_diffusion import denoised


@dataclass(frozen=True)
class TavConfig:
    """What stands between two UNets, and how long clips are."""

    frames: int = 20  # of 10 s: erratum 7
    heads: int = 8  # of new attention
    cross_attention: bool = True  # Eq. 12; False: an ablation of table 3
    alignment: bool = True  # weights for Eq. 14; False: an ablation of table 3

    def __post_init__(self) -> None:
        if min(self.frames, self.heads) < 1:
            raise ValueError(f"needs frames and heads of at least 1, got {self}")


class MiddleTokens(NamedTuple):
    """What the decoders start from, and how much each token counts: what Eq. 14 takes."""

    audio: Tensor  # [b n d]
    video: Tensor  # [b m d]
    audio_weights: Tensor  # [b n], which sum to 1
    video_weights: Tensor  # [b m], which sum to 1


class PredictedNoise(NamedTuple):
    """The noise that the network predicts."""

    audio: Tensor  # noise [b c h w]
    video: Tensor  # noise [b f c h w]
    middle: MiddleTokens | None  # None without alignment


@dataclass(frozen=True)
class _Descent:
    """A UNet between its encoder and its decoder."""

    hidden: Tensor  # [b c h w]
    skips: tuple[Tensor, ...]
    time: Tensor  # [b e]
    context: Tensor  # [b k t]


class TavDiffusion(nn.Module):
    """ε_θa and ε_θv of Eq. 11, of UNets that share nothing else than a time, a text, and the middle."""

    def __init__(self, audio: Any, video: Any, config: TavConfig) -> None:
        """`audio`: a UNet2DConditionModel, taken as it is; `video`: another, a copy of which is inflated.

        New weights are drawn from torch's generator. Raises ValueError for UNets that can't be such a pair.
        """
        super().__init__()
        for unet in (audio, video):
            _check(unet)
        if audio.config.cross_attention_dim != video.config.cross_attention_dim:
            raise ValueError("the UNets attend to tokens of two widths; both are told by one text")
        wide_a, wide_v = (unet.config.block_out_channels[-1] for unet in (audio, video))
        if config.alignment and wide_a != wide_v:
            raise ValueError(f"alignment needs middles of one width, got {wide_a} and {wide_v} channels")
        if config.cross_attention and (wide_a % (2 * config.heads) or wide_v % (2 * config.heads)):
            raise ValueError(f"{config.heads} heads don't fit an even share of {wide_a} and {wide_v} channels")
        self.config, self.audio, self.video = config, audio, inflated(video, config.frames, config.heads)
        if config.cross_attention:
            self.video_attention = AddedAttention(wide_v, config.heads, wide_a)  # picture that attends to sound
            self.audio_attention = AddedAttention(wide_a, config.heads, wide_v)  # sound that attends to picture
        if config.alignment:
            self.audio_weight, self.video_weight = (nn.Linear(wide, 1, bias=False) for wide in (wide_a, wide_v))  # l_β

    def forward(
        self, audio: Tensor, video: Tensor, t: Tensor, context: Tensor, *, linked: bool = True
    ) -> PredictedNoise:
        """Noisy latents [b c h w] and [b f c h w] at times t [b], told by context [b k t].

        Not `linked`: cross-attention, where there is some, adds nothing. Raises ValueError for another number of
        frames and for sizes that the UNets can't halve as often as they do.
        """
        frames = self.config.frames
        if video.shape[1] != frames:
            raise ValueError(f"clips have {frames} frames, got {list(video.shape)}")
        down_a = _descended(self.audio, audio, t, context)
        every = t.repeat_interleave(frames), context.repeat_interleave(frames, 0)
        down_v = _descended(self.video, video.flatten(0, 1), *every)
        hidden_a, hidden_v, middle = self._cross_attended(down_a.hidden, down_v.hidden, linked=linked)
        noise_a = _ascended(self.audio, down_a, hidden_a)
        noise_v = torch.unflatten(_ascended(self.video, down_v, hidden_v), 0, (-1, frames))
        return PredictedNoise(noise_a, noise_v, middle)

    def _cross_attended(
        self, audio: Tensor, video: Tensor, *, linked: bool
    ) -> tuple[Tensor, Tensor, MiddleTokens | None]:
        """Eq. 12, of middles [b c h w] and [(b f) c h w], and what Eq. 14 takes of what comes out."""
        tokens_a = audio.permute(0, 2, 3, 1).flatten(1, 2)  # b (h w) d
        clips = torch.unflatten(video, 0, (-1, self.config.frames)).permute(0, 1, 3, 4, 2)  # b f h w d
        tokens_v = clips.flatten(1, 3)
        if self.config.cross_attention and linked:
            at_a = middles(audio.shape[2], audio).repeat_interleave(audio.shape[3])
            at_v = middles(clips.shape[1], video).repeat_interleave(clips.shape[2] * clips.shape[3])
            before_a, before_v = tokens_a, tokens_v
            tokens_a = self.audio_attention(before_a, at_a, before_v, at_v)
            tokens_v = self.video_attention(before_v, at_v, before_a, at_a)
        middle = None
        if self.config.alignment:
            weights = [
                weigh(tokens)[..., 0].softmax(1)
                for weigh, tokens in ((self.audio_weight, tokens_a), (self.video_weight, tokens_v))
            ]
            middle = MiddleTokens(tokens_a, tokens_v, *weights)
        back_a = torch.unflatten(tokens_a, 1, audio.shape[2:]).permute(0, 3, 1, 2)
        back_v = torch.unflatten(tokens_v, 1, clips.shape[1:4]).permute(0, 1, 4, 2, 3).flatten(0, 1)
        return back_a, back_v, middle


def generated(
    network: TavDiffusion,
    noise: tuple[Tensor, Tensor],
    context: Tensor,
    nothing: Tensor,
    guidance: float,
    sampler: Any,
    steps: int,
    check: Callable[[], None],
    known: tuple[Tensor | None, Tensor | None] = (None, None),
    mutual: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Latents of sound [b c h w] and of picture [b f c h w] from noise of these shapes, both at once.

    `context` [b k t] is weighed against that of `nothing` [b k t]: nothing + guidance · (context - nothing) (Ho and
    Salimans 2022). `sampler` of `nn.latent_diffusion.sampler` steps through both as one, by one schedule; `check` is
    called before each step and may raise. Nothing is drawn.

    `known`: latents of either side [b c h w], [b f c h w] that the other is made for: at every time the network sees
    them in their own noise of that time (Song et al. 2021, arXiv:2011.13456, appendix I.2, imputation); they come back
    as they are.

    `mutual`: what each side finds in the other is weighed in the same way against a network that isn't linked, and
    (mutual - 1) · (linked - not linked) is added, both told by `context` (the paper has none; as LTX-2, Lightricks
    2026, guides modalities): 1 changes nothing and costs nothing, else a half more is computed.
    """
    shapes = [one.shape[1:] for one in noise]

    def parted(both: Tensor) -> tuple[Tensor, Tensor]:
        audio, video = both[:, : shapes[0].numel()], both[:, shapes[0].numel() :]
        return torch.unflatten(audio, 1, shapes[0]), torch.unflatten(video, 1, shapes[1])

    def joined(found: PredictedNoise) -> Tensor:
        return torch.cat([found.audio.flatten(1), found.video.flatten(1)], dim=1)

    told = torch.cat([nothing, context])

    def seen(both: Tensor, t: Tensor) -> Tensor:
        sides = [
            side if given is None else sampler.add_noise(given, own, t.to(given.device).reshape(1))
            for side, given, own in zip(parted(both), known, noise, strict=True)
        ]
        times = t.to(both.device).expand(2 * len(both))
        without, with_text = joined(network(*(torch.cat([side, side]) for side in sides), times, told)).chunk(2)
        guided = without + guidance * (with_text - without)
        if mutual == 1 or not network.config.cross_attention:
            return guided
        return guided + (mutual - 1) * (with_text - joined(network(*sides, times[: len(both)], context, linked=False)))

    start = torch.cat([one.flatten(1) for one in noise], dim=1)
    made = parted(denoised(seen, start, sampler, steps, check))
    audio, video = (side if given is None else given for side, given in zip(made, known, strict=True))
    return audio, video


def _check(unet: Any) -> None:
    config = unet.config
    told = [config.class_embed_type, config.addition_embed_type, config.encoder_hid_dim_type, config.time_cond_proj_dim]
    if any(one is not None for one in told) or config.num_class_embeds or unet.mid_block is None:
        raise ValueError("needs UNets with a middle that are told by nothing but tokens, as Stable Diffusion 1.5's")
    if config.center_input_sample or unet.conv_norm_out is None or unet.time_embed_act is not None:
        raise ValueError("needs UNets that take latents as they come and normalise at their end")
    if config.in_channels != config.out_channels:
        raise ValueError(f"needs as many channels out as in, got {config.in_channels} and {config.out_channels}")


def _descended(unet: Any, noisy: Tensor, t: Tensor, context: Tensor) -> _Descent:
    """Encoder and middle of a UNet, of noisy latents [b c h w], times [b] and context [b k t]."""
    multiple = 2**unet.num_upsamplers
    if any(size % multiple for size in noisy.shape[2:]):
        raise ValueError(f"needs heights and widths in multiples of {multiple}, got {list(noisy.shape)}")
    time = unet.time_embedding(unet.get_time_embed(sample=noisy, timestep=t))
    hidden = unet.conv_in(noisy)
    skips = (hidden,)
    for block in unet.down_blocks:
        hidden, more = block(hidden_states=hidden, temb=time, **_with(block, context))
        skips += more
    hidden = unet.mid_block(hidden_states=hidden, temb=time, **_with(unet.mid_block, context))
    return _Descent(hidden, skips, time, context)


def _ascended(unet: Any, descent: _Descent, hidden: Tensor) -> Tensor:
    """Decoder of a UNet, from what its middle has become [b c h w] to noise [b c h w]."""
    skips = descent.skips
    for block in unet.up_blocks:
        count = len(block.resnets)
        skips, own = skips[:-count], skips[-count:]
        hidden = block(
            hidden_states=hidden, temb=descent.time, res_hidden_states_tuple=own, **_with(block, descent.context)
        )
    noise: Tensor = unet.conv_out(unet.conv_act(unet.conv_norm_out(hidden)))
    return noise


def _with(block: Any, context: Tensor) -> dict[str, Tensor]:
    """A block's argument for the context [b k t], where it takes one."""
    return {"encoder_hidden_states": context} if getattr(block, "has_cross_attention", False) else {}
