"""Profiles: which encoders do the work. A profile is a small TOML file; a user's own file works like a shipped one."""

import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from storysound.errors import InputError, UsageError

PROFILES = files("storysound") / "profiles"


@dataclass(frozen=True)
class Profile:
    """Names of encoders, each a file of `storysound/encode`."""

    name: str
    text: str  # text encoder; its space is where words of labels and queries meet
    picture: str
    audio: tuple[str, ...]  # every one is computed when a library is indexed

    def __post_init__(self) -> None:
        if not self.audio:
            raise UsageError(f"profile {self.name!r}: audio needs at least one encoder")


def shipped_profiles() -> tuple[str, ...]:
    """Names of the profiles that come with the package."""
    return tuple(sorted(p.name.removesuffix(".toml") for p in PROFILES.iterdir() if p.name.endswith(".toml")))


def load_profile(name: str = "embedded") -> Profile:
    """A shipped profile by name, or any TOML file by path.

    Raises UsageError for an unknown name and InputError for a file that isn't a profile.
    """
    is_file = name.endswith(".toml")
    if not is_file and name not in shipped_profiles():
        raise UsageError(f"no profile {name!r}: shipped are {', '.join(shipped_profiles())}; or give a .toml file")
    try:
        text = Path(name).read_text("utf-8") if is_file else (PROFILES / f"{name}.toml").read_text("utf-8")
        table = tomllib.loads(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(name, f"can't be read as a profile: {why}", "see the shipped embedded.toml") from error
    wanted = {f.name for f in fields(Profile)}
    if table.keys() != wanted:
        odd = ", ".join(sorted(table.keys() ^ wanted))
        raise InputError(name, f"missing or unknown keys: {odd}", f"a profile has {', '.join(sorted(wanted))}")
    return Profile(**{**table, "audio": tuple(table["audio"])})
