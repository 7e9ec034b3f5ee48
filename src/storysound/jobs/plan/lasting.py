"""Which sounds go on under a picture as long as it is shown, and which are heard once."""

from storysound.cue.playback import Sounds
from storysound.cue.texture import LEAST_S, texture_of
from storysound.errors import MediaError
from storysound.story import Sound

AMBIENCE_S = 6.0  # an effect of this length lies under the whole shot; a shorter one only where it is a texture


class Lasting:
    """Says of sounds whether they last; reads a short one when it is first asked about."""

    def __init__(self, sounds: Sounds | None = None) -> None:
        """`sounds`: where those are that were decoded, and come that are."""
        self._sounds = sounds or Sounds()
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self, sound: Sound) -> bool:
        """False for a short one that can't be read: whoever plays it says so."""
        if not LEAST_S <= sound.duration_s < AMBIENCE_S:
            return sound.duration_s >= AMBIENCE_S
        key = (sound.root, sound.path)
        if key not in self._known:
            try:
                self._known[key] = texture_of(self._sounds.whole(sound).cut()) is not None
            except MediaError:
                self._known[key] = False
        return self._known[key]
