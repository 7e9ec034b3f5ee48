"""The resolver: sources, pinned hashes, conversion, licences, errors. Archives and servers are built in the test."""

import contextlib
import hashlib
import io
import json
import os
import pickle
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from storysound.errors import MissingModelError, OutputError, UsageError
from storysound.weights import index as weights_sources
from storysound.weights.catalogue import CatalogueEntry, catalogue, read_catalogue
from storysound.weights.index import PackageIndex, PipConfig, redact
from storysound.weights.resolver import Resolver

PAYLOAD = np.random.default_rng(0).bytes(300_000)  # larger than the tail that comes with the directory
SHA = hashlib.sha256(PAYLOAD).hexdigest()


def entry(
    name: str = "thing", uri: str = "pypi:toy==1.0#toy/data.bin", sha256: str = SHA, **more: object
) -> CatalogueEntry:
    values = {"size_bytes": len(PAYLOAD), "licence": "MIT", "commercial": "yes", "credit": "nobody"} | more
    return CatalogueEntry(name, uri, sha256, **values)  # type: ignore[arg-type]


def write_wheel(folder: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def write_sdist(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "toy-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


class _Handler(SimpleHTTPRequestHandler):
    ranges = True
    sent: list[int] = []  # noqa: RUF012 - one server a test, reset by the fixture

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not (self.ranges and wanted and path.is_file()):
            super().do_GET()
            return
        data = path.read_bytes()
        start = max(0, len(data) - int(wanted[2])) if not wanted[1] else int(wanted[1])
        end = int(wanted[2]) + 1 if wanted[1] and wanted[2] else len(data)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.sent.append(end - start)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the reader may have enough
            self.wfile.write(data[start:end])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An index over HTTP of a folder: (its URL, the folder whose simple/toy/ holds distributions)."""
    root = tmp_path / "server"
    (root / "simple" / "toy").mkdir(parents=True)
    _Handler.ranges, _Handler.sent = True, []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(root)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}/simple", root / "simple" / "toy"
    httpd.shutdown()
    httpd.server_close()


def resolver(cache: Path, config: PipConfig, *entries: CatalogueEntry, **options: object) -> Resolver:
    made = Resolver(cache, entries={e.name: e for e in entries or (entry(),)}, **options)  # type: ignore[arg-type]
    made._index = PackageIndex(config, offline=bool(options.get("offline")))
    return made


def index_page(folder: Path) -> None:
    links = "".join(f'<a href="{file.name}">{file.name}</a><br/>' for file in sorted(folder.glob("toy-*")))
    (folder / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_reads_one_member_of_a_wheel_over_http(
    server: tuple[str, Path], tmp_path: Path, ranges: bool, compression: int
) -> None:
    url, folder = server
    other = np.random.default_rng(1).bytes(12_000_000)
    write_wheel(folder, {"toy/data.bin": PAYLOAD, "toy/other.bin": other}, compression)
    index_page(folder)
    _Handler.ranges = ranges
    seen: list[tuple[str, int, int]] = []
    found = resolver(tmp_path / "c", PipConfig(index_url=url), progress=lambda *a: seen.append(a)).path("thing")
    assert found.read_bytes() == PAYLOAD
    assert seen[-1] == ("thing", len(PAYLOAD), len(PAYLOAD))
    if ranges:
        assert sum(_Handler.sent) < 6_000_000, "the rest of the wheel must not travel"


def test_streams_a_source_archive_over_http(server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = server
    write_sdist(folder, {"toy-1.0/README": b"x", "toy-1.0/toy/data.bin": PAYLOAD})
    index_page(folder)
    assert resolver(tmp_path / "c", PipConfig(index_url=url)).path("thing").read_bytes() == PAYLOAD


def test_prefers_what_lies_on_disk(server: tuple[str, Path], tmp_path: Path) -> None:
    url, _ = server
    folder = tmp_path / "index" / "toy"
    folder.mkdir(parents=True)
    write_wheel(folder, {"toy/data.bin": PAYLOAD})
    index_page(folder)
    config = PipConfig(index_url=url, extra_index_urls=((tmp_path / "index").as_uri(),))
    assert resolver(tmp_path / "c", config, offline=True).path("thing").read_bytes() == PAYLOAD


def test_find_links_folder_serves_and_other_versions_do_not(tmp_path: Path) -> None:
    links = tmp_path / "links"
    links.mkdir()
    write_wheel(links, {"toy/data.bin": PAYLOAD})
    config = PipConfig(find_links=(str(links),), no_index=True)
    assert resolver(tmp_path / "c", config).path("thing").read_bytes() == PAYLOAD
    newer = entry(uri="pypi:toy==1.1#toy/data.bin")
    with pytest.raises(MissingModelError, match=r"toy 1\.1"):
        resolver(tmp_path / "d", config, newer).path("thing")


def test_missing_error_says_what_where_and_how(tmp_path: Path) -> None:
    config = PipConfig(index_url="http://me:secret@127.0.0.1:9/simple", timeout_s=2)
    with pytest.raises(MissingModelError) as caught:
        resolver(tmp_path / "c", config).path("thing")
    text = str(caught.value)
    for part in ("thing", "toy/data.bin", "127.0.0.1:9", "pip download --no-deps", "toy==1.0", str(tmp_path / "c")):
        assert part in text
    assert "secret" not in text
    assert "\n" not in text
    with pytest.raises(MissingModelError, match="switched off"):
        resolver(tmp_path / "c", config, offline=True).path("thing")


def test_hub_error_says_embedded_works_without(tmp_path: Path) -> None:
    hub = entry(uri="hf:someone/model@0123abc/weights/model.safetensors")
    with pytest.raises(MissingModelError, match="the profile embedded works"):
        Resolver(tmp_path, entries={"thing": hub}, offline=True).path("thing")


def _hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sha256: str = "") -> tuple[Resolver, Path]:
    """A hub of one file, in a folder as the hub's client keeps it."""
    file = tmp_path / "hub" / "snapshots" / "c0ffee" / "config.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(PAYLOAD)
    monkeypatch.setattr(weights_sources, "hub_file", lambda *_, **__: file)
    wanted = entry("net/config.json", "hf:some/net@main/config.json", sha256, group="paper")
    return Resolver(tmp_path / "c", entries={"net/config.json": wanted}), file


def test_a_hub_file_without_a_hash_is_pinned_by_what_came_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, file = _hub(tmp_path, monkeypatch)
    assert hub.path("net/config.json").read_bytes() == PAYLOAD
    assert json.loads((tmp_path / "c" / "pins" / "net" / "config.json.json").read_text())["commit"] == "c0ffee"
    assert (hub.revision("net/config.json"), hub.verify("net/config.json")) == (SHA[:12], "ok")
    hub.path("net/config.json").write_bytes(b"damaged")
    assert hub.verify("net/config.json") == "broken"
    file.write_bytes(b"the branch has moved")
    with pytest.raises(MissingModelError, match="its sha256 is"):
        hub.path("net/config.json")
    file.write_bytes(PAYLOAD)
    assert hub.path("net/config.json").read_bytes() == PAYLOAD


def test_a_model_of_ones_own_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mine" / "net" / "config.json"
    own.parent.mkdir(parents=True)
    own.write_text("{}")
    monkeypatch.setenv("STORYSOUND_MODELS", str(tmp_path / "mine"))
    hub, _ = _hub(tmp_path, monkeypatch, SHA)
    assert hub.path("net/config.json") == own == hub.target(hub.entry("net/config.json"))
    assert hub.is_cached("net/config.json")
    assert hub.verify("net/config.json") == "ok"
    before = hub.revision("net/config.json")
    own.write_text("{ }")
    assert hub.revision("net/config.json") != before
    own.unlink()
    assert hub.path("net/config.json").read_bytes() == PAYLOAD


def test_only_the_hub_may_leave_a_hash_open() -> None:
    with pytest.raises(ValueError, match="no sha256"):
        entry(sha256="")


def test_wrong_bytes_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = tmp_path / "file.bin"
    source.write_bytes(PAYLOAD[:-1] + b"!")
    bad = Resolver(tmp_path / "c", entries={"thing": entry(uri=f"file:{source}")})
    with pytest.raises(MissingModelError, match="sha256"):
        bad.path("thing")
    assert [p for p in (tmp_path / "c").rglob("*") if p.is_file()] == []
    assert not bad.is_cached("thing")


def test_a_file_copied_into_the_cache_is_taken_after_its_hash_was_checked(tmp_path: Path) -> None:
    made = resolver(tmp_path, PipConfig(no_index=True))
    target = made.target(made.entry("thing"))
    target.parent.mkdir(parents=True)
    target.write_bytes(PAYLOAD)
    assert made.path("thing") == target
    assert made.verify("thing") == "ok"


def test_verify_finds_rot_and_path_heals_it(tmp_path: Path) -> None:
    source = tmp_path / "file.bin"
    source.write_bytes(PAYLOAD)
    made = Resolver(tmp_path / "c", entries={"thing": entry(uri=f"file:{source}")})
    assert made.verify("thing") == "missing"
    path = made.path("thing")
    state = path.stat()
    path.write_bytes(PAYLOAD[:-1] + b"!")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # same size and time: only the bytes tell
    assert made.verify("thing") == "broken"
    assert made.path("thing").read_bytes() == PAYLOAD
    assert made.verify("thing") == "ok"


def test_many_at_once_end_with_one_whole_file(tmp_path: Path) -> None:
    source = tmp_path / "file.bin"
    source.write_bytes(PAYLOAD)
    entries = {"thing": entry(uri=f"file:{source}")}
    found: list[bytes] = []

    def fetch() -> None:
        found.append(Resolver(tmp_path / "c", entries=entries).path("thing").read_bytes())

    threads = [threading.Thread(target=fetch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [PAYLOAD] * 8
    assert [p.name for p in (tmp_path / "c" / "files").iterdir()] == ["thing.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "file.bin"
    source.write_bytes(PAYLOAD)
    opened = os.fdopen

    def full(descriptor: int, mode: str) -> io.BufferedWriter:
        os.close(descriptor)
        return opened(os.open("/dev/full", os.O_WRONLY), mode)  # type: ignore[return-value]

    monkeypatch.setattr("storysound.weights.resolver.os.fdopen", full)
    with pytest.raises(OutputError, match="disk is full"):
        Resolver(tmp_path / "c", entries={"thing": entry(uri=f"file:{source}")}).path("thing")
    assert [p for p in (tmp_path / "c").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize("commercial", ["no", "ask"])
def test_commercial_policy_refuses(tmp_path: Path, commercial: str) -> None:
    entries = {"thing": entry(commercial=commercial), "free": entry("free")}
    strict = Resolver(tmp_path, entries=entries, licence_policy="commercial")
    with pytest.raises(UsageError, match="licence policy"):
        strict.path("thing")
    assert strict.entry("free").licence == "MIT"
    with pytest.raises(UsageError, match="models ls"):
        strict.entry("nothing")


@pytest.mark.parametrize("name", ["../up", "/root", "a//b", "a/../b", "", "a b", ".hidden"])
def test_no_name_leaves_the_cache(name: str) -> None:
    with pytest.raises(ValueError, match="entry name"):
        entry(name)


def test_member_names_never_become_paths(tmp_path: Path) -> None:
    source = tmp_path / "links"
    source.mkdir()
    write_wheel(source, {"../../evil.sh": PAYLOAD})
    evil = entry(uri="pypi:toy==1.0#../../evil.sh")
    path = resolver(tmp_path / "c", PipConfig(find_links=(str(source),), no_index=True), evil).path("thing")
    assert path == tmp_path / "c" / "files" / "thing.sh"


def test_conversion_happens_once_and_keeps_the_numbers(tmp_path: Path) -> None:
    source = tmp_path / "net.pth"
    weight = torch.arange(6.0).reshape(2, 3)
    torch.save(({"layer.weight": weight.T}, {"head": (np.int64(0), 78)}), source)
    made = Resolver(
        tmp_path / "c",
        entries={
            "net": entry("net", f"file:{source}", hashlib.sha256(source.read_bytes()).hexdigest(), convert="torch")
        },
    )
    first = made.tensors("net")
    assert first["layer.weight"].tolist() == weight.T.tolist()
    assert first["heads.head"].tolist() == [0, 78]
    source.unlink()  # the cache alone must do from here on
    assert made.tensors("net")["layer.weight"].tolist() == weight.T.tolist()
    assert made.path("net").suffix == ".safetensors"


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch bomb-went-off",))


@pytest.mark.parametrize(("suffix", "recipe"), [(".pth", "torch"), (".npy", "numpy-pickle")])
def test_a_pickle_that_runs_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, recipe: str
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / f"evil{suffix}"
    if suffix == ".pth":
        torch.save({"weight": _Bomb()}, source)
    else:
        np.save(source, np.array({"weight": _Bomb()}, dtype=object), allow_pickle=True)
    sha = hashlib.sha256(source.read_bytes()).hexdigest()
    made = Resolver(tmp_path / "c", entries={"net": entry("net", f"file:{source}", sha, convert=recipe)})
    with pytest.raises(MissingModelError, match="converted"):
        made.tensors("net")
    assert not Path("bomb-went-off").exists()
    pickle.loads(pickle.dumps(_Bomb()))  # noqa: S301 - shows that the bomb is a real one
    assert Path("bomb-went-off").exists()


def test_pip_configuration_is_parsed_as_pip_prints_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///srv/a file:///srv/b")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    config = PipConfig.read()
    assert config.extra_index_urls == ("file:///srv/a", "file:///srv/b")
    assert config.no_index
    assert redact("https://u:p@host:8080/x") == "https://host:8080/x"


def test_pip_absent_leaves_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_sources.sys, "executable", "/bin/false")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror/simple")
    assert PipConfig.read().index_url == "https://mirror/simple"


def test_catalogue_is_whole() -> None:
    entries = catalogue()
    assert len([n for n in entries if n.startswith("starter/") and n.endswith(".opus")]) == 28
    for each in entries.values():
        assert re.fullmatch(r"[0-9a-f]{64}", each.sha256) or each.of_hub
        assert each.size_bytes > 0 or each.of_hub
        assert not each.of_hub or re.search(r"@[0-9a-f]{40}/", each.uri), "a branch may move, a commit not"
        assert each.licence
        assert each.credit
        assert all(need in entries for need in each.needs)
    assert {"minilm", "efficientnet_lite2", "aisfx", "soundnet", "musicnn", "nsnet2", "silero"} <= entries.keys()
    with pytest.raises(ValueError, match="none of pypi"):
        read_catalogue(
            '[[package]]\nsource = "http://x/"\nlicence = "x"\ncommercial = "yes"\ncredit = "x"\n'
            '[package.files."a"]\nmember = "b"\nsha256 = ""\nsize_bytes = 1\n'
        )
