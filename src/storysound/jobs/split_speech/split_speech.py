"""Speech out of a sound or a video: what is left, and the speech itself, each of exactly the length of the original."""

from contextlib import ExitStack
from pathlib import Path

from storysound.encode import separator
from storysound.encode.pool import Models
from storysound.jobs.split_speech.request import VIDEO, SplitSpeechRequest, SplitSpeechResult
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.files import atomic, check_readable, check_target
from storysound.media.film.mux import mux_copy
from storysound.progress import Watch

_COSTS = {"read": 1.0, "split": 20.0, "write": 2.0}


def run(request: SplitSpeechRequest, models: Models, watch: Watch) -> SplitSpeechResult:
    """Writes the source without its speech, and the speech alone where it is wanted.

    Outputs are 24-bit WAV of the source's rate, channels and number of samples, or, for a name that ends like a
    video, a copy of the source's pictures with that sound. Nothing is written unless all of the sound was split.
    Raises MediaError for a source without usable sound, OutputError as the writers, MissingModelError without weights.
    """
    source, background = request.source, request.background
    outputs = [background, *([request.speech] if request.speech else [])]
    check_readable(source)
    for path in outputs:
        check_target(path, source)
    watch.plan(_COSTS)
    watch.step("read")
    wave = read_audio(source)
    watch.step("split")
    parts = models.get("separator", separator.load).split(wave)
    watch.step("write")
    with ExitStack() as whole:  # both appear, or neither
        for done, (path, part) in enumerate(zip(outputs, parts, strict=False)):
            watch.at(done, len(outputs), path.name)
            _write(source, part, whole.enter_context(atomic(path)))
    return SplitSpeechResult(str(background), str(request.speech or ""), wave.duration_s, wave.rate_hz, wave.channels)


def _write(source: Path, wave: Waveform, path: Path) -> None:
    if path.suffix.lower() in VIDEO:
        mux_copy(source, wave, path)
    else:
        write_wav(path, wave)
