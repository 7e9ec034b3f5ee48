"""What is in a file, as a hash: how a file is known again under another name."""

import hashlib
from pathlib import Path

from storysound.errors import MediaError
from storysound.progress import check

_AT_ONCE = 1 << 18  # bytes


def sha256_of(file: str | Path) -> str:
    """SHA-256 of a file's content. Raises MediaError where it can't be read; Cancelled."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_AT_ONCE))
    try:
        with Path(file).open("rb", buffering=0) as stream:
            while size := stream.readinto(buffer):
                check()
                digest.update(buffer[:size])
    except PermissionError as error:
        raise MediaError(file, "may not be read by this user", "change its rights") from error
    except OSError as error:
        raise MediaError(file, f"can't be read: {error.strerror or error}", "check the name and the disk") from error
    return digest.hexdigest()


def sha256_of_folder(folder: Path) -> str:
    """Of the names and contents of its files, in name order; hidden ones don't count. Raises MediaError; Cancelled."""
    digest = hashlib.sha256()
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    except OSError as error:
        raise MediaError(folder, f"can't be read: {error.strerror}", "check its rights") from error
    for file in files:
        digest.update(f"{file.name}\0{sha256_of(file)}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
