"""`storysound train tav`: the paper's TAVDiffusion (TAVGBench, section 4) on clips of a table over local media.

Both UNets learn, and what stands between them (Eq. 15); autoencoders, text encoder and vocoder don't.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.generate.diffusion_folder import read_parts, tokens_of
from storysound.generate.video.tavdiffusion import ClipForm, TavParts, assembled, read_tav, write_tav
from storysound.generate.video.tavdiffusion_start import started
from storysound.ingest.clip_tables import TableClip, read_clip_table
from storysound.losses.audio_visual import audible_video_loss
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import read_audio
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.media.video import iter_shown
from storysound.nn.latent_diffusion import encoded
from storysound.nn.tavdiffusion import TavConfig
from storysound.progress import Watch, check
from storysound.research.stories.batches import held_out, stories_at
from storysound.research.tavg.settings import TavTraining
from storysound.train.loop import Losses, Task, check_agrees, fabric_for, fit, last_weights, speaker

FOLDER = "tavdiffusion"  # of a run: what it made
_WINDOW_S = 0.064  # of AudioLDM's spectrograms


@dataclass(frozen=True)
class ClipBatch:
    """Latents of sounds [b c t m] and of pictures [b f c h w], context of texts [b k d], and a seed."""

    audio: Tensor
    video: Tensor
    context: Tensor
    seed: int


@dataclass(frozen=True)
class ClipReader:
    """Clips of media as the parts of a folder take them."""

    parts: TavParts

    @property
    def bands(self) -> LogMel:
        """Spectrograms that the vocoder takes: HiFi-GAN's, as AudioLDM's autoencoder has learned them."""
        config = self.parts.vocoder.config
        rate_hz = int(config.sampling_rate)
        hop = math.prod(config.upsample_rates)
        stft = Stft(max(2 * hop, round(_WINDOW_S * rate_hz)), hop)
        return LogMel(
            rate_hz,
            stft,
            int(config.model_in_dim),
            0.0,
            rate_hz / 2,
            scale="slaney",
            norm="slaney",
            power=1,
            floor=1e-5,
        )

    def pictures(self, clip: TableClip) -> Pixels:
        """Frames [f h w 3], evenly from the clip's beginning on; the last one stays where the clip is shorter.

        Raises MediaError.
        """
        form, count = self.parts.form, self.parts.network.config.frames
        shown: list[Pixels] = []
        end_s = clip.start_s + form.seconds
        for frame in iter_shown(clip.file, every_s=form.seconds / count, start_s=clip.start_s, end_s=end_s):
            check()
            picture = Image.fromarray(frame.rgb(max(form.height, form.width) * 2))
            shown.append(np.asarray(ImageOps.fit(picture, (form.width, form.height), Image.Resampling.LANCZOS)))
        if not shown:
            raise MediaError(clip.file, f"shows nothing from {clip.start_s:g} s on")
        return np.stack([shown[min(i, len(shown) - 1)] for i in range(count)])

    def mels(self, clip: TableClip) -> Floats:
        """Log-mel columns [t m] of the clip; silence follows what is shorter. Raises MediaError."""
        bands, form = self.bands, self.parts.form
        length = (form.columns - 1) * bands.stft.hop_length
        wave = read_audio(
            clip.file, rate_hz=bands.rate_hz, channels=1, start_s=clip.start_s,
            end_s=clip.start_s + min(form.seconds, clip.end_s - clip.start_s),
        )  # fmt: skip
        samples = wave.samples[0, :length]
        return log_mel(np.pad(samples, (0, length - len(samples))), bands)

    def batch(self, clips: list[TableClip], texts: list[str], seed: int, device: torch.device) -> ClipBatch:
        """Clips with these texts."""
        parts, dice = self.parts, torch.Generator().manual_seed(seed)
        pictures = torch.from_numpy(np.stack([self.pictures(clip) for clip in clips])).to(device)
        scaled = pictures.permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        mels = torch.from_numpy(np.stack([self.mels(clip) for clip in clips])).to(device)
        video = torch.unflatten(encoded(parts.vae, scaled.flatten(0, 1), dice), 0, (len(clips), -1))
        with torch.no_grad():
            context = parts.text_encoder(tokens_of(parts.tokenizer, parts.text_encoder, texts).to(device))[0]
        return ClipBatch(encoded(parts.audio_vae, mels[:, None], dice), video, context, seed)


def begun(recipe: TavTraining, watch: Watch) -> TavParts:
    """What a run begins with. Raises MissingModelError where a folder isn't there, or is of something else."""
    if recipe.model is not None:
        return read_tav(recipe.model.expanduser())
    assert recipe.seeing is not None
    assert recipe.hearing is not None
    seeing, hearing = recipe.seeing.expanduser(), recipe.hearing.expanduser()
    config = TavConfig(recipe.frames, recipe.heads, recipe.cross_attention, recipe.alignment)
    network, report = started(read_parts(seeing).unet, config, seed=recipe.seed)
    for line in report.lines():
        watch.say(line)
    form = ClipForm(recipe.height, recipe.width, recipe.seconds, recipe.columns, recipe.bands)
    return assembled(network, seeing, hearing, form)


def clips_of(recipe: TavTraining, watch: Watch) -> tuple[list[TableClip], list[TableClip]]:
    """Clips that are learned from, and those of videos held out: by the table's splits, or by a share of the videos.

    Raises InputError where the table has none with a caption whose media are here, or all are held out.
    """
    table = read_clip_table(recipe.data, recipe.media)
    clips = [clip for clip in table.clips if clip.captions]
    watch.say(f"{len(clips)} clips; {len(table.missing)} have no file in {recipe.media}")
    if any(clip.split for clip in clips):
        sides = [clip.split != "train" for clip in clips]
    else:
        sides = held_out(tuple(clip.source for clip in clips), recipe.held_out).tolist() if clips else []
    learned = [clip for clip, out in zip(clips, sides, strict=True) if not out]
    if not learned:
        raise InputError(recipe.data, f"has no clips to learn from: {len(clips)} with media, all held out", "add some")
    return learned, [clip for clip, out in zip(clips, sides, strict=True) if out] or learned


def loss_of(network: nn.Module, batch: ClipBatch, recipe: TavTraining, parts: TavParts) -> Losses:
    """Eq. 15 of a batch, latents [b c t m] and [b f c h w], and its parts."""
    found = audible_video_loss(
        network, batch.audio, batch.video, batch.context, parts.schedule,
        torch.Generator().manual_seed(batch.seed), recipe.share, recipe.temperature, recipe.match,
    )  # fmt: skip
    return found.by_name()


def train(recipe: TavTraining, models: Models, watch: Watch) -> float:
    """Runs the recipe, or goes on with it; the best figure (held-out error, negative). Writes `out/tavdiffusion`.

    `models`: nothing of them is needed. Raises InputError as `clips_of`, MissingModelError as `begun`, MediaError for
    a clip that can't be read.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    given = {"seed": recipe.seed, "batch": recipe.batch, "wordless": recipe.wordless, "share": recipe.share,
             "temperature": recipe.temperature, "match": recipe.match}  # fmt: skip
    check_agrees(recipe.out, recipe.plan(), **given)
    learned, judged = clips_of(recipe, watch)
    parts = begun(recipe, watch)
    fabric = fabric_for(recipe.out, precision=recipe.precision, devices=recipe.devices)
    watch = speaker(fabric, watch)
    reader, every = ClipReader(parts), torch.arange(len(learned))
    for part in (parts.vae, parts.audio_vae, parts.text_encoder):
        part.requires_grad_(False).to(fabric.device)
    if recipe.checkpointing:
        for unet in (parts.network.audio, parts.network.video):
            unet.enable_gradient_checkpointing()

    def batch_at(step: int, rank: int, ranks: int) -> ClipBatch:
        dice = np.random.default_rng([recipe.seed, step, rank, ranks])
        clips = [learned[int(i)] for i in stories_at(every, recipe.batch, recipe.seed, step, rank, ranks)]
        texts = ["" if dice.random() < recipe.wordless else str(dice.choice(clip.captions)) for clip in clips]
        return reader.batch(clips, texts, int(dice.integers(1 << 40)), fabric.device)

    task = Task(
        parts.network.train().requires_grad_(True), partial(loss_of, recipe=recipe, parts=parts), batch_at,
        partial(judge, reader=reader, clips=judged[: recipe.judged], recipe=recipe, device=fabric.device), "fit",
        {**given, "data": hashlib.sha256(recipe.data.read_bytes()).hexdigest()},
    )  # fmt: skip
    best = fit(task, recipe.plan(), recipe.out, fabric, watch)
    if fabric.is_global_zero:
        parts.network.load_state_dict(last_weights(recipe.out))
        parts.network.eval().requires_grad_(False)
        for unet in (parts.network.audio, parts.network.video):
            unet.disable_gradient_checkpointing()
        write_tav(parts, recipe.out / FOLDER)
    return best


def judge(
    network: nn.Module, reader: ClipReader, clips: list[TableClip], recipe: TavTraining, device: torch.device
) -> dict[str, float]:
    """The mean error of both sides over held-out clips, negative: the same noise every time."""
    errors = []
    for start in range(0, len(clips), recipe.batch):
        some = clips[start : start + recipe.batch]
        batch = reader.batch(some, [clip.captions[0] for clip in some], start, device)
        losses = loss_of(network, batch, recipe, reader.parts)
        errors.append(len(some) * (losses["audio"] + losses["video"]))
    return {"fit": -float(torch.stack(errors).sum()) / len(clips)}
