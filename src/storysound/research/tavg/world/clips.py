"""A clip of the made world, whole: frames, sound and text of one scene."""

from dataclasses import dataclass

import numpy as np

from storysound.media.arrays import Floats, Pixels
from storysound.research.tavg.world.canvas import SIDE
from storysound.research.tavg.world.combinations import Split
from storysound.research.tavg.world.contacts import FRAMES, FRAMES_PER_S, SECONDS
from storysound.research.tavg.world.lasting import passing, raining
from storysound.research.tavg.world.modes import RATE_HZ
from storysound.research.tavg.world.pictures import frames_of
from storysound.research.tavg.world.scenes import Scene, drawn_combination, generator, scene_of
from storysound.research.tavg.world.sentences import sentence
from storysound.research.tavg.world.sounds import SAMPLES, struck

__all__ = ["FRAMES", "FRAMES_PER_S", "RATE_HZ", "SECONDS", "SIDE", "MadeClip", "clip_of", "made_clip", "sound_of"]
PEAK = 0.65  # of the loudest blow
_RINGING = {"bell": 0.45, "string": 0.45}  # the same of what rings on, and so is louder at one peak
_LASTING = {"car": passing, "rain": raining}
_LASTING_LEVEL = {"light": 0.3, "heavy": 0.55, "begins": 0.45, "stops": 0.45, "slow": 0.45, "fast": 0.6}
_NOISE = (0.0006, 0.002)  # deviation of the noise floor


@dataclass(frozen=True, eq=False)
class MadeClip:
    """Frames [32 64 64 3] at FRAMES_PER_S, frame i shown at i / FRAMES_PER_S; sound [32000] at RATE_HZ, peaks ≤ .7."""

    frames: Pixels
    sound: Floats
    text: str
    scene: Scene

    @property
    def impacts_s(self) -> tuple[float, ...]:
        """When impacts are seen and heard; none of a car and of rain."""
        return self.scene.impacts_s


def made_clip(split: Split, seed: int) -> MadeClip:
    """A split's clip of a seed, the same whenever it is made. Raises ValueError for another split or a negative seed.

    >>> clip = made_clip("train", 1)
    >>> clip.frames.shape, clip.sound.shape
    ((32, 64, 64, 3), (32000,))
    """
    rng = generator(split, seed)
    return clip_of(scene_of(drawn_combination(split, rng), rng))


def clip_of(scene: Scene) -> MadeClip:
    """The clip of a scene; its text is drawn by the scene's seed."""
    return MadeClip(frames_of(scene), sound_of(scene), sentence(scene, np.random.default_rng([scene.seed, 0])), scene)


def sound_of(scene: Scene) -> Floats:
    """What is heard of a scene [32000], over a soft floor of noise; the louder the harder its blows are."""
    rng = np.random.default_rng([scene.seed, 2])
    if scene.kind in _LASTING:
        sound = _LASTING[scene.kind](scene, rng)
        level = _LASTING_LEVEL[scene.rhythm.split()[-1]]
    else:
        sound = struck(scene, rng)
        level = _RINGING.get(scene.kind, PEAK) * max(scene.strengths)
    sound = sound * (level / max(float(np.abs(sound).max()), 1e-9))
    sound += rng.uniform(*_NOISE) * rng.normal(size=SAMPLES)
    return sound.astype(np.float32)
