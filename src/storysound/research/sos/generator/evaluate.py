"""`storysound evaluate sosgen`: Sound of Story's Table 3 on slices of one's own, and whether sound fits what it is of.

Of the slices that are judged, half (by films) are what others are compared with. Beside what the model makes of the
conditions of the other half stand that half's real sound, the same through its spectrogram and back, what is made of
another slice's conditions, what an untrained model of the same shape makes, and noise: all of equal number and length.

- FAD: the Fréchet distance of an encoder's vectors of all moments of all sounds; FAD∞: of endless such sounds.
- right text: how often a sound fits its own text better than another slice's, each text's fits standardised, as the
  text encoder and the ears of a profile place both in one space; right frames: the same of the gloss of the frames.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as cache_of_calls
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from storysound.config import load_profile
from storysound.encode import cache
from storysound.encode.encoder import Encoder
from storysound.encode.features import StoryEncoder, speaking
from storysound.encode.pool import Models
from storysound.errors import InputError, UsageError
from storysound.generate.diffusion_folder import ABOUT, DiffusionParts, read_parts
from storysound.generate.maker import Conditions, TimedPicture
from storysound.generate.riffusion import SpectrogramDiffusion
from storysound.generate.vocoder import GriffinLim, spoken
from storysound.media.arrays import Doubles, Floats
from storysound.media.audio import Waveform
from storysound.media.spectrograms.picture import picture_of
from storysound.metrics.bootstrap import interval
from storysound.metrics.frechet import LEAST_AT_INFINITY, frechet_at_infinity, frechet_distance
from storysound.metrics.table import Row
from storysound.progress import Watch, check
from storysound.research.sos.generator.settings import SOSGEN_TASK, SosgenEvaluation
from storysound.research.sos.generator.slices import StorySlices, read_slices
from storysound.research.stories.batches import held_out

LEAST = 2  # slices of a half
BLOCK = 8  # sounds in one file of the cache
NAMES = {"text": "SoSgen, text", "image": "SoSgen, image", "text+image": "SoSgen, text and image"}


@dataclass(frozen=True)
class HeardSounds:
    """What is heard of sounds: an encoder's vectors [t d] of each; where each lies among texts and glosses [n k]."""

    vectors: tuple[Floats, ...]
    places: Floats


@dataclass(frozen=True)
class Judges:
    """Who hears: `ear` for distances, `speaker` in the space of the texts and glosses that `reader` reads and sees."""

    ear: Encoder[Waveform]
    speaker: Encoder[Waveform]
    reader: StoryEncoder
    width: int  # of that space

    def revision(self) -> str:
        """Changes whenever the same sound would be heard otherwise."""
        return "+".join(f"{one.name}:{one.revision}" for one in (self.ear, self.speaker))

    def hear(self, wave: Waveform) -> tuple[Floats, Floats]:
        """Vectors [t d] of a sound, and its place [k]."""
        mono = wave.mono()
        (found,) = self.ear.encode([mono])
        (said,) = (found,) if self.ear is self.speaker else self.speaker.encode([mono])
        return found.embedding, said.embedding.mean(axis=0)


def evaluate(recipe: SosgenEvaluation, models: Models, watch: Watch) -> list[Row]:
    """All rows that are measured. Raises LibraryError, InputError and MissingModelError for data and folders.

    UsageError for a profile whose texts and sounds don't meet in one space.
    """
    parts = read_parts(recipe.model)
    slices = read_slices(recipe.data, parts.about.variant)
    judges = judges_of(recipe, models)
    half, other = halves(recipe, slices)
    watch.plan({"real": 0.1, "making": 0.9})
    watch.say(f"{len(other)} sounds of {parts.about.variant} against {len(half)} real ones")
    reference = heard(recipe, judges, "real", half, partial(real, slices, parts), slices, watch)
    texts, frames = told(slices, other, judges, parts)
    rows = []
    for name, revision, make in candidates(recipe, parts, slices, other):
        found = heard(recipe, judges, revision, other, make, slices, watch)
        rows.append(row_of(recipe, judges, name, found, reference, (texts, frames), (slices, other)))
    return rows


def judges_of(recipe: SosgenEvaluation, models: Models) -> Judges:
    """Raises UsageError for an encoder that hears nothing, or a profile whose sounds don't meet its texts."""
    profile = load_profile(recipe.profile)
    speakers = speaking(models, profile)
    if not speakers:
        raise UsageError(f"profile={recipe.profile}: its sounds don't lie in the space of its texts")
    ear: Encoder[Waveform] = models.encoder(recipe.encoder)
    if ear.modality != "audio":
        raise UsageError(f"encoder={recipe.encoder} takes {ear.modality}, not sounds")
    reader = StoryEncoder(models, profile)
    return Judges(ear, models.encoder(speakers[0]), reader, models.encoder(profile.text).dim)


def halves(recipe: SosgenEvaluation, slices: StorySlices) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of slices [n] of either half, as many of each, no film in both. Raises InputError for too few."""
    groups = np.array([one.group for one in slices.slices])
    chosen = np.ones(len(groups), bool)
    if recipe.split == "held_out":
        chosen = held_out(tuple(groups), recipe.held_out).numpy()
    dice = np.random.default_rng(recipe.seed)
    films = dice.permutation(np.unique(groups[chosen]))
    sides: tuple[list[int], list[int]] = ([], [])
    for film in films:  # to the shorter side, so that halves are about as long
        min(sides, key=len).extend(np.flatnonzero(chosen & (groups == film)).tolist())
    count = min(len(sides[0]), len(sides[1]), recipe.sounds)
    if count < LEAST:
        fault = f"{len(films)} films with {chosen.sum()} slices to judge by can't be halved"
        raise InputError(recipe.data, fault, "give a larger held_out= to both recipes, or split=all on new data")
    one, other = (np.sort(dice.permutation(np.array(side))[:count]) for side in sides)
    return one, other


def real(slices: StorySlices, parts: DiffusionParts, number: int) -> Waveform:
    """The sound of a slice, as long as the model makes one at most."""
    wave = slices.sound(number, parts.about.form.rate_hz)
    return wave.cut(0.0, parts.about.width * parts.about.column_s)


def vocoded(slices: StorySlices, parts: DiffusionParts, number: int) -> Waveform:
    """The same through its spectrogram picture and back."""
    picture = picture_of(real(slices, parts, number), parts.about.form)
    return spoken(GriffinLim(), picture.amplitudes(), picture.form, picture.length, number)


def noise(slices: StorySlices, parts: DiffusionParts, number: int) -> Waveform:
    """White noise as long and as loud."""
    wave = real(slices, parts, number)
    drawn = np.random.default_rng(number).standard_normal(wave.samples.shape)
    return Waveform((drawn * wave.samples.std()).astype(np.float32), wave.rate_hz)


def made(maker: SpectrogramDiffusion, slices: StorySlices, seed: int, of: int, number: int) -> Waveform:
    """What a model makes of the conditions of the slice `of`, as long as the slice `number`."""
    parts, one = maker.parts, slices.slices[of]
    pictures = () if parts.eyes is None else tuple(
        TimedPicture(at_s, rgb) for at_s, rgb in zip(one.times_s, slices.frames(of), strict=True)
    )  # fmt: skip
    text = one.text if "text" in maker.takes else ""
    seconds = real(slices, parts, number).duration_s
    return maker.make(Conditions(seconds, seed * 1_000_003 + number, text, pictures))


def candidates(
    recipe: SosgenEvaluation, parts: DiffusionParts, slices: StorySlices, other: NDArray[np.intp]
) -> list[tuple[str, str, Callable[[int], Waveform]]]:
    """Name and revision of what is judged on the slices `other` [n], and what makes its sounds."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    @cache_of_calls  # nothing is made of what was heard before
    def maker(taught: bool) -> SpectrogramDiffusion:
        which = parts if taught else parts.untrained()
        return SpectrogramDiffusion(which, device, steps=recipe.steps, guidance=recipe.guidance, sampler=recipe.sampler)

    def of(taught: bool, swaps: Mapping[int, int], number: int) -> Waveform:
        return made(maker(taught), slices, recipe.seed, swaps.get(number, number), number)

    name = NAMES[parts.about.variant] if (recipe.model / ABOUT).exists() else recipe.model.name
    own = f"{weights_sha(parts)} {recipe.sampler} {recipe.steps} {recipe.guidance} {recipe.seed}"
    swapped = dict(zip(other.tolist(), np.roll(other, len(other) // 2).tolist(), strict=True))
    return [
        ("real sound", "real", partial(real, slices, parts)),
        ("real, as a spectrogram and back", "vocoded", partial(vocoded, slices, parts)),
        (name, f"made {own}", partial(of, True, {})),
        (f"{name}: of another slice's", f"shuffled {own} {hash_of(swapped)}", partial(of, True, swapped)),
        ("untrained", f"untrained {own}", partial(of, False, {})),
        ("noise", "noise", partial(noise, slices, parts)),
    ]  # fmt: skip


def heard(
    recipe: SosgenEvaluation, judges: Judges, revision: str, numbers: NDArray[np.intp],
    make: Callable[[int], Waveform], slices: StorySlices, watch: Watch,
) -> HeardSounds:  # fmt: skip
    """What is heard of the sounds of slices [n] that `make` makes, from the folder `out` where it was kept."""
    watch.step("real" if revision in ("real", "vocoded", "noise") else "making")
    vectors: list[Floats] = []
    places: list[Floats] = []
    for start in range(0, len(numbers), BLOCK):
        block = numbers[start : start + BLOCK].tolist()
        watch.at(start, len(numbers), revision.split(" ")[0])

        def hear(block: Sequence[int] = block) -> dict[str, torch.Tensor]:
            tensors: dict[str, torch.Tensor] = {}
            for number in block:
                check()
                rows, place = judges.hear(make(number))
                tensors |= {f"{number}.rows": torch.from_numpy(rows), f"{number}.place": torch.from_numpy(place)}
            return {name: tensor.contiguous() for name, tensor in tensors.items()}

        kept = cache.kept(recipe.out / "heard", [judges.revision(), revision, slices.sha, block], hear)
        vectors += [kept[f"{number}.rows"].numpy() for number in block]
        places += [kept[f"{number}.place"].numpy() for number in block]
    return HeardSounds(tuple(vectors), np.stack(places))


def told(
    slices: StorySlices, numbers: NDArray[np.intp], judges: Judges, parts: DiffusionParts
) -> tuple[Floats | None, Floats | None]:
    """Where texts and glosses of frames of slices [n] lie: [n k] each, where the variant is told them."""
    texts = frames = None
    if "text" in parts.about.variant:
        texts = np.stack([judges.reader.text([slices.slices[n].text])[0] for n in numbers])
    if "image" in parts.about.variant:
        seen = [judges.reader.frames(slices.frames(int(n)))[:, : judges.width].mean(axis=0) for n in numbers]
        frames = np.stack(seen)
    return texts, frames


def row_of(
    recipe: SosgenEvaluation, judges: Judges, name: str, found: HeardSounds, reference: HeardSounds,
    wanted: tuple[Floats | None, Floats | None], of: tuple[StorySlices, NDArray[np.intp]],
) -> Row:  # fmt: skip
    """The figures of what is heard of sounds against real ones, and against where texts and frames [n k] lie."""
    ours, theirs = (np.concatenate(sounds.vectors) for sounds in (found, reference))
    figures = {"fad": frechet_distance(ours, theirs)}
    if len(ours) >= LEAST_AT_INFINITY * ours.shape[1]:
        figures["fad_inf"] = frechet_at_infinity(ours, theirs, seed=recipe.seed)
    intervals = {}
    slices, numbers = of
    texts, stories, films = (
        np.array([getattr(slices.slices[n], name) for n in numbers]) for name in ("text", "story", "group")
    )
    for key, points, same in zip(("right_text", "right_frames"), wanted, (texts, stories), strict=True):
        if points is not None and len(set(same)) > 1:
            shares, counted = right(found.places, points, same)
            figures[key] = float(shares[counted].mean())
            spread = partial(_mean, shares[counted])
            intervals[key] = interval(spread, int(counted.sum()), films[counted], draws=recipe.draws, seed=recipe.seed)
    said = (
        f"{judges.ear.name} {judges.ear.revision}, {ours.shape[1]} numbers, {len(ours)} moments of {len(numbers)} "
        f"sounds against {len(theirs)} of as many real ones of other films, seed {recipe.seed}; {recipe.sampler}, "
        f"{recipe.steps} steps, guidance {recipe.guidance:g}; right: by {judges.speaker.name}"
    )
    if "fad_inf" not in figures:
        said += f"; FAD∞ needs {LEAST_AT_INFINITY * ours.shape[1]} moments"
    return Row(SOSGEN_TASK, name, figures, intervals, len(numbers), recipe.data.name, said)


def right(sounds: Floats, points: Floats, same: NDArray[np.str_]) -> tuple[Doubles, NDArray[np.bool_]]:
    """Of each sound [n k], the share of other points [n k] that it fits less than its own; which have others [n].

    Points that are the `same` [n] by name, as slices of one story are, aren't others.

    Fits of a point are standardised over all sounds: what lies near to everything is no better for it. Ties count half.
    """
    sounds, points = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (sounds, points))
    fits = (sounds @ points.T).astype(np.float64)
    fits = (fits - fits.mean(axis=0)) / np.maximum(fits.std(axis=0), 1e-9)
    own, others = np.diag(fits)[:, None], same[:, None] != same[None]
    wins = np.where(np.isclose(own, fits, atol=1e-6), 0.5, own > fits)
    counted = others.any(axis=1)
    return (wins * others).sum(axis=1) / np.maximum(others.sum(axis=1), 1), counted


def _mean(shares: Doubles, chosen: NDArray[np.int64]) -> float:
    """Of the chosen [m] of shares [n]."""
    return float(shares[chosen].mean())


def hash_of(value: object) -> str:
    """Changes with what it says of itself."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def weights_sha(parts: DiffusionParts) -> str:
    """Changes with any weight that training teaches."""
    made = hashlib.sha256()
    for part in (parts.unet, parts.text_encoder, parts.control, parts.track):
        if part is not None:
            for name, value in sorted(part.state_dict().items()):
                made.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return made.hexdigest()[:16]
