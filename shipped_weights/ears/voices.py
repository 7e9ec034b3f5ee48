"""More synthetic speech: espeak-ng characters, whispering, shouting and childlike ones, flite, and festival.

`apt-get install espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts festvox-italp16k`.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CHARACTERS = (
    "Adam", "Alicia", "Andy", "Annie", "aunty", "belinda", "Demonic", "Denis", "Diogo", "f1", "f2", "f3", "f4", "f5",
    "Gene", "grandma", "grandpa", "Hugo", "Jacky", "klatt", "klatt4", "Lee", "linda", "m1", "m3", "m5", "m7", "max",
    "michael", "Mike", "norbert", "robosoft", "robosoft5", "shelby", "steph", "Storm", "Tweaky", "UniRobot", "victor",
    "announcer", "croak", "zac",
)  # fmt: skip
FLITE = ("kal", "awb", "rms", "slt")
FESTIVAL = ("ked_diphone", "kal_diphone", "cmu_us_slt_arctic_hts")
TEXTS = (
    "Once upon a time, in a small house at the edge of the forest, there lived an old man and his three daughters.",
    "Ladies and gentlemen, welcome on board. Please fasten your seat belts and switch off all telephones.",
    "Help! Over here! Run, run! They are coming! Get out of there!",
    "Mum, can we go to the playground now? You promised! I want an ice cream, and a balloon, and a puppy!",
    "Hi there, how are you? Fine, thanks, and you? Oh, I was just going to the shop. Shall we go together?",
    "The river rises in the northern mountains, and for two hundred miles it runs through country where nobody lives.",
    "Ha ha ha! Ho ho! Ha ha ha ha ha! Oh, that is too funny!",
    "Mm, mm. Hm. Ah! Oh no. Ugh. Shh! Psst. Hey! Wow. Yay!",
)


def members() -> Iterator[tuple[str, bytes]]:
    """(name, WAV bytes) of every voice and text."""
    rng = np.random.default_rng(23)
    for number, character in enumerate(CHARACTERS):
        for text in (number, number + 3):
            options = ["-s", str(int(rng.integers(120, 200))), "-p", str(int(rng.integers(25, 75)))]
            yield from _espeak(f"{character}-{text % 8}", f"en+{character}", options, TEXTS[text % 8])
    for manner, variants, options in (
        ("whisper", ("whisper", "whisperf"), ["-s", "130"]),
        ("child", ("f2", "f4", "f5", "Annie", "belinda"), ["-p", "99", "-s", "170"]),
        ("shout", ("m3", "m7", "f3", "croak"), ["-a", "200", "-s", "210", "-p", "80"]),
    ):
        for variant in variants:
            for text in range(8):
                yield from _espeak(f"{manner}-{variant}-{text}", f"en+{variant}", options, TEXTS[text])
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder, "a.wav")
        for voice in FLITE:
            for number, text in enumerate(TEXTS[:6]):
                yield from _made(f"flite-{voice}-{number}", ["flite", "-voice", voice, "-t", text, "-o", str(wav)], wav)
        for voice in FESTIVAL:
            for number, text in enumerate(TEXTS[:6]):
                page = Path(folder, "a.txt")
                page.write_text(text)
                command = ["text2wave", "-eval", f"(voice_{voice})", "-o", str(wav), str(page)]
                yield from _made(f"festival-{voice}-{number}", command, wav)


def _espeak(name: str, voice: str, options: list[str], text: str) -> Iterator[tuple[str, bytes]]:
    command = ["espeak-ng", "-v", voice, *options, "--stdout", text]
    answer = subprocess.run(command, check=False, capture_output=True, timeout=60)
    if len(answer.stdout) > 20_000:
        yield f"espeak-{name}.wav", answer.stdout


def _made(name: str, command: list[str], wav: Path) -> Iterator[tuple[str, bytes]]:
    wav.unlink(missing_ok=True)
    subprocess.run(command, check=False, capture_output=True, timeout=120)
    if wav.exists() and wav.stat().st_size > 20_000:
        yield f"{name}.wav", wav.read_bytes()
