"""`storysound evaluate pictures`: how near generated pictures are to real ones, by any picture encoder of a profile.

FID, KID and inception score as in BGTAI's Table 4, but without Inception: what the profile's encoder says of a
picture takes its place, so figures compare models judged here with each other, never with published ones.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.config import load_profile
from storysound.encode.encoder import Encoder
from storysound.encode.pool import Models
from storysound.errors import InputError, MediaError
from storysound.ingest.pictures import picture_files
from storysound.media.arrays import Floats, Pixels
from storysound.media.image import read_image
from storysound.metrics.frechet import frechet_distance
from storysound.metrics.inception import inception_score
from storysound.metrics.kernel import kernel_distance
from storysound.metrics.table import Row
from storysound.progress import Watch
from storysound.research.soundimage.settings import PICTURE_TASK, PictureEvaluation

LEAST = 4  # pictures of a folder
SIDE_PX = 512  # encoders look at fewer


@dataclass(frozen=True)
class PictureFeatures:
    """What an encoder says of n pictures: features [n d], and classes [n c] where it names any."""

    features: Floats
    classes: Floats | None


def evaluate(recipe: PictureEvaluation, models: Models, watch: Watch) -> list[Row]:
    """Made pictures against half of the real ones; and as many of the other half, the best that can be reached.

    Both are of one size, for the Fréchet distance of few pictures is larger. Raises InputError for a folder of fewer
    than four pictures, MissingModelError.
    """
    eyes: Encoder[Pixels] = models.encoder(load_profile(recipe.profile).picture)
    made, real = (seen_by(eyes, folder, watch) for folder in (recipe.made, recipe.real))
    rng = np.random.default_rng(recipe.seed)
    half, other = np.array_split(rng.permutation(len(real.features)), 2)
    n = min(len(made.features), len(other))
    reference = _of(real, half)
    return [
        _row(recipe.made.name, _of(made, rng.permutation(len(made.features))[:n]), reference, eyes, recipe),
        _row("real pictures", _of(real, other[:n]), reference, eyes, recipe),
    ]


def seen_by(eyes: Encoder[Pixels], folder: Path, watch: Watch) -> PictureFeatures:
    """What `eyes` see in all n pictures [h w 3] of a folder. One that can't be read is told and left out.

    Raises InputError for fewer than four.
    """
    try:
        files = picture_files(folder)
    except OSError as error:
        raise InputError(folder, f"can't be read: {error.strerror}", "give a folder of pictures") from error
    found = []
    for number, path in enumerate(files):
        watch.at(number, len(files), path.name)
        try:
            found += eyes.encode([read_image(path, max_side=SIDE_PX)])
        except MediaError as error:
            watch.say(f"left out: {error}")
    if len(found) < LEAST:
        raise InputError(folder, f"has {len(found)} pictures that can be read", f"{LEAST} at least are needed")
    classes = [next(iter(one.scores.values()))[0] for one in found if one.scores]
    features = np.stack([one.embedding.mean(axis=0) for one in found])
    return PictureFeatures(features, np.stack(classes) if len(classes) == len(found) else None)


def _of(seen: PictureFeatures, chosen: NDArray[np.intp]) -> PictureFeatures:
    """What is seen of the chosen pictures [m], by number."""
    return PictureFeatures(seen.features[chosen], None if seen.classes is None else seen.classes[chosen])


def _row(
    name: str, made: PictureFeatures, real: PictureFeatures, eyes: Encoder[Pixels], recipe: PictureEvaluation
) -> Row:
    """Of features [n d] of made and of real pictures."""
    figures = {
        "fid": frechet_distance(made.features, real.features),
        "kid": kernel_distance(made.features, real.features),
    }
    if made.classes is not None:
        figures["is"] = inception_score(made.classes)
    protocol = (
        f"{eyes.name} {eyes.revision} in the place of Inception, {made.features.shape[1]} features; "
        f"{len(made.features)} against {len(real.features)} real pictures, seed {recipe.seed}; KID unbiased, of all"
    )
    return Row(PICTURE_TASK, name, figures, n=len(made.features), data=recipe.real.name, protocol=protocol)
