"""A data set in a form that other programs read.

`folder`: `stories.jsonl` and the media as files beside it. `parquet`: one row per story, media as bytes. `webdataset`:
tar files of samples named alike. `hf`: what `datasets.load_dataset` of Hugging Face opens, with audio and pictures as
such, and a card.
"""

import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
from pyarrow import parquet

from storysound import __version__
from storysound.encode.pool import Models
from storysound.errors import OutputError, UsageError
from storysound.library.dataset import MEDIA, PLAIN, SCHEMA, Dataset
from storysound.library.file_names import file_names
from storysound.media.files import check_target, writing
from storysound.progress import Watch

Format = Literal["folder", "parquet", "webdataset", "hf"]
FORMATS: tuple[Format, ...] = get_args(Format)

SHARD_BYTES = 500_000_000  # a file is closed when it has grown beyond this
_SOUNDS = ("audio", "background")
_LEFT_OUT = ("plan_sha256",)


@dataclass(frozen=True)
class ExportRequest:
    """A data set that shall be written in another form."""

    data: Path
    out: Path  # a new or empty folder
    to: Format
    shard_bytes: int = SHARD_BYTES  # a file of several is closed when it has grown beyond this

    def __post_init__(self) -> None:
        if self.to not in FORMATS:
            raise UsageError(f"must be {', '.join(FORMATS)}, got {self.to!r}", field="to")
        if self.shard_bytes < 1:
            raise UsageError(f"must be 1 or more, got {self.shard_bytes}", field="shard_bytes")


@dataclass(frozen=True)
class ExportResult:
    """What was written."""

    out: str
    to: Format
    stories: int


@dataclass(frozen=True)
class Sample:
    """A story as it leaves: `key` is a file name, `about` is JSON-able, `frames` are JPEG, sounds FLAC."""

    key: str
    about: dict[str, Any]
    frames: tuple[bytes, ...]
    sounds: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of its media."""
        return sum(map(len, self.frames)) + sum(map(len, self.sounds.values()))


def run(request: ExportRequest, models: Models, watch: Watch) -> ExportResult:
    """Writes all stories into the new or empty folder `out`; it appears there whole, or not at all.

    Raises LibraryError for what is no data set, OutputError as the writers.
    """
    dataset, out, folder = Dataset.open(request.data), request.out, request.out
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputError(out, "is not empty", "choose a new or empty folder")
    if folder.exists() and not folder.is_dir():
        raise OutputError(out, "is a file, a folder is wanted", "choose a new or empty folder")
    check_target(folder / "stories")
    rows = dataset.rows()
    part = folder.with_name(f".{folder.name}.part")
    with writing(out):
        shutil.rmtree(part, ignore_errors=True)  # of an export that was killed
        part.mkdir(parents=True)
        try:
            _WRITERS[request.to](_watched(_samples(dataset, rows), len(rows), watch), part, request.shard_bytes)
            if folder.is_dir():
                folder.rmdir()
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return ExportResult(str(out), request.to, len(rows))


def _samples(dataset: Dataset, rows: list[dict[str, Any]]) -> Iterator[Sample]:
    keys = file_names(row["id"] for row in rows)
    for row in rows:
        about = {name: value for name, value in row.items() if name not in _LEFT_OUT}
        sounds = {name: dataset.flac(name, row["id"]) for name in _SOUNDS}
        yield Sample(keys[row["id"]], about, tuple(dataset.frames(row["id"])), sounds)


def _watched(samples: Iterator[Sample], count: int, watch: Watch) -> Iterator[Sample]:
    for done, sample in enumerate(samples, 1):
        yield sample
        watch.at(done, count, sample.about["id"])


def _to_folder(samples: Iterator[Sample], out: Path, shard_bytes: int) -> None:
    with (out / "stories.jsonl").open("w", encoding="utf-8") as lines:
        for sample in samples:
            media = Path("media", sample.key)
            (out / media).mkdir(parents=True)
            files: dict[str, Any] = {}
            for name, flac in sample.sounds.items():
                files[name] = (media / f"{name}.flac").as_posix()
                (out / files[name]).write_bytes(flac)
            files["frames"] = [(media / f"{number:03d}.jpg").as_posix() for number in range(len(sample.frames))]
            for name, jpeg in zip(files["frames"], sample.frames, strict=True):
                (out / name).write_bytes(jpeg)
            lines.write(json.dumps(sample.about | files, ensure_ascii=False) + "\n")


def _to_webdataset(samples: Iterator[Sample], out: Path, shard_bytes: int) -> None:
    for number, shard in enumerate(_shards(samples, shard_bytes)):
        with tarfile.open(out / f"stories-{number:06d}.tar", "w", format=tarfile.GNU_FORMAT) as tar:
            for sample in shard:
                files = {"json": json.dumps(sample.about, ensure_ascii=False).encode()}
                files |= {f"{name}.flac": flac for name, flac in sample.sounds.items()}
                files |= {f"{index:03d}.jpg": jpeg for index, jpeg in enumerate(sample.frames)}
                for ending, content in files.items():
                    info = tarfile.TarInfo(f"{sample.key}.{ending}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))


def _shards(samples: Iterator[Sample], shard_bytes: int) -> Iterator[Iterator[Sample]]:
    """Samples in stretches of about that many bytes; each must be used up before the next is asked for."""
    following = next(samples, None)

    def shard() -> Iterator[Sample]:
        nonlocal following
        size = 0
        while following is not None and size < shard_bytes:
            size += following.size
            yield following
            following = next(samples, None)

    while following is not None:
        yield shard()


_PLAIN_FIELDS = [SCHEMA.field(name) for name in PLAIN if name not in _LEFT_OUT]
_PARQUET = pa.schema(
    [
        *_PLAIN_FIELDS,
        pa.field("frames", pa.list_(pa.large_binary())),
        *(pa.field(name, pa.large_binary()) for name in _SOUNDS),
    ]
)


def _to_parquet(samples: Iterator[Sample], out: Path, shard_bytes: int) -> None:
    def row(sample: Sample) -> dict[str, Any]:
        return {**sample.about, "frames": list(sample.frames), **sample.sounds}

    _write_parquet(samples, row, _PARQUET, out, "stories", shard_bytes)


def _write_parquet(
    samples: Iterator[Sample],
    row: Callable[[Sample], dict[str, Any]],
    schema: pa.Schema,
    out: Path,
    name: str,
    shard_bytes: int,
) -> None:
    """Shards of one row group per story, so that a reader never holds more than one; named NAME-i-of-n."""
    out.mkdir(exist_ok=True)
    count = 0
    for number, shard in enumerate(_shards(samples, shard_bytes)):
        count = number + 1
        with parquet.ParquetWriter(out / f"{number:05d}.part", schema, compression="zstd") as writer:
            for sample in shard:
                writer.write_table(pa.Table.from_pylist([row(sample)], schema=schema))
    for number in range(count):
        (out / f"{number:05d}.part").rename(out / f"{name}-{number:05d}-of-{count:05d}.parquet")
    if not count:
        parquet.write_table(schema.empty_table(), out / f"{name}-00000-of-00001.parquet")


_FILE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _to_hf(samples: Iterator[Sample], out: Path, shard_bytes: int) -> None:
    features = {name: _feature(SCHEMA.field(name).type) for name in PLAIN if name not in _LEFT_OUT}
    features["frames"] = {"_type": "List", "feature": {"_type": "Image"}}
    features |= {name: {"_type": "Audio"} for name in _SOUNDS}
    meta = {"huggingface": json.dumps({"info": {"features": features}})}
    fields = [*_PLAIN_FIELDS, pa.field("frames", pa.list_(_FILE)), *(pa.field(name, _FILE) for name in _SOUNDS)]
    licences: dict[str, int] = {}
    count = 0

    def row(sample: Sample) -> dict[str, Any]:
        nonlocal count
        count += 1
        licence = sample.about["licence"] or "not stated"
        licences[licence] = licences.get(licence, 0) + 1
        frames = [{"bytes": jpeg, "path": f"{sample.key}.{i:03d}.jpg"} for i, jpeg in enumerate(sample.frames)]
        sounds = {n: {"bytes": flac, "path": f"{sample.key}.{n}.flac"} for n, flac in sample.sounds.items()}
        return {**sample.about, "frames": frames, **sounds}

    _write_parquet(samples, row, pa.schema(fields, metadata=meta), out / "data", "train", shard_bytes)
    (out / "README.md").write_text(_card(count, licences), "utf-8")


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """A column's type as Hugging Face writes it."""
    if pa.types.is_list(kind):
        return {"_type": "List", "feature": _feature(kind.value_type)}
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"_type": "Value", "dtype": {"double": "float64"}.get(str(kind), str(kind))}


def _card(count: int, licences: Mapping[str, int]) -> str:
    listed = "\n".join(f"- {number} × {licence}" for licence, number in sorted(licences.items(), key=lambda i: -i[1]))
    head = {"license": "other", "configs": [{"config_name": "default", "data_files": "data/*.parquet"}]}
    return (
        f"---\n{json.dumps(head)}\n---\n\n# Stories with sound\n\n{count} stories made by storysound {__version__}: "
        "text, key frames, the original sound, and the background, which is the sound without its speech.\n\n"
        f"## Licences\n\nEach row names its own `licence`, `credit` and `uri`. Stories by licence:\n\n{listed}\n"
    )


_WRITERS: dict[str, Callable[[Iterator[Sample], Path, int], None]] = {
    "folder": _to_folder, "parquet": _to_parquet, "webdataset": _to_webdataset, "hf": _to_hf,
}  # fmt: skip
assert set(_WRITERS) == set(FORMATS)
assert set(MEDIA) == {"frames", *_SOUNDS}
