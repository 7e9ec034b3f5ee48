"""The starter sounds of the catalogue as a folder of files under their names, licence and credit in their tags."""

from pathlib import Path

import av
import soundfile

from storysound.errors import MissingModelError
from storysound.media.files import atomic
from storysound.weights.catalogue import CatalogueEntry
from storysound.weights.resolver import Resolver

GROUP = "starter"
_SOUNDS = (".opus", ".ogg", ".wav")


def starter_entries(weights: Resolver) -> tuple[CatalogueEntry, ...]:
    """What of the catalogue is a starter sound, by name."""
    entries = (entry for name, entry in sorted(weights.entries.items()) if entry.group == GROUP)
    return tuple(entry for entry in entries if Path(entry.name).suffix in _SOUNDS)


def write_starter(weights: Resolver, folder: Path) -> None:
    """Writes the starter sounds that aren't there yet; samples and packets stay as they are.

    Raises MissingModelError where one is neither in the cache nor may be fetched, OutputError.
    """
    for entry in starter_entries(weights):
        target = folder / entry.name.removeprefix(f"{GROUP}/")
        target = target.with_suffix(".flac") if target.suffix == ".wav" else target
        if target.exists():
            continue
        try:
            source = weights.path(entry.name)
        except MissingModelError as error:
            do = f"`storysound models pull {GROUP}` fetches them once; or name a library of your own"
            raise MissingModelError(f"the starter sounds are not here: {do}") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic(target) as part:
            (_tag_wav if source.suffix == ".wav" else _tag_packets)(source, part, entry)


def _tag_wav(source: Path, target: Path, entry: CatalogueEntry) -> None:
    """The same samples as FLAC, which has room for tags."""
    samples, rate_hz = soundfile.read(source, dtype="int16", always_2d=True)
    with soundfile.SoundFile(target, "w", rate_hz, samples.shape[1], format="FLAC", subtype="PCM_16") as sound:
        sound.license, sound.artist = entry.licence, entry.credit
        sound.write(samples)


def _tag_packets(source: Path, target: Path, entry: CatalogueEntry) -> None:
    """The same packets with tags; nothing is encoded again."""
    with av.open(source) as read, av.open(target, "w", format="ogg") as write:
        stream = read.streams.audio[0]
        copy = write.add_stream_from_template(stream)
        copy.metadata.update(stream.metadata | {"license": entry.licence, "artist": entry.credit})
        for packet in read.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                write.mux(packet)
