"""What the licences of sounds allow."""

import re


def allows_commerce(licence: str) -> bool:
    """Whether a licence as stated lets one sell what is made with the sound; no statement is a no.

    >>> allows_commerce("CC BY 4.0"), allows_commerce("CC BY-NC 3.0"), allows_commerce("")
    (True, False, False)
    """
    forbidding = r"\bnc\b|non.?commercial|personal use|research (use )?only|test use"
    return bool(licence.strip()) and not re.search(forbidding, licence, re.IGNORECASE)
