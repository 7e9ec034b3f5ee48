"""Whether processes that were started still run."""

from pathlib import Path


def lives(group: int) -> bool:
    """Whether a process of the group runs (Linux); one that is over, and whose end no parent has asked for, does not.

    An orphan's parent is the first process of the machine or container, which may take minutes to ask.
    """
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, own, *_ = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # ended just now
            continue
        if int(own) == group and state != "Z":
            return True
    return False
