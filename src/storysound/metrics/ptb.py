"""The words of a caption as Penn Treebank tokens, without Java.

Caption metrics are defined on the tokens of Stanford's PTBTokenizer 3.4.1 in lower case, less some punctuation (Chen et
al. 2015, "Microsoft COCO Captions: Data Collection and Evaluation Server", section 3.2). These are its rules as far as
English captions need them; where the two part is measured in `tests/metrics/test_ptb.py`.
"""

import re

NAME = "Penn Treebank (own rules, as Stanford PTBTokenizer 3.4.1 with -lowerCase), COCO punctuation removed"
# COCO's list has brackets in upper case, which tokens in lower case never meet: they stay.
_DROPPED = frozenset("'' ' `` ` . ? ! , : - -- ... ;".split())
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_SPLIT = {
    "cannot": "can not", "gonna": "gon na", "gotta": "got ta", "wanna": "wan na", "gimme": "gim me",
    "lemme": "lem me", "'tis": "'t is", "'twas": "'t was",
}  # fmt: skip
# The full stop belongs to these.
_SHORT = (
    "mr|mrs|ms|messrs|dr|drs|prof|sr|jr|st|rev|gov|gen|sen|rep|lt|col|capt|maj|sgt|cmdr|etc|vs|inc|corp|co|ltd|bros|"
    "jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec|mt|ave|blvd|rd"
)
_PUNCTUATION = re.compile(r"\.+|-+|\"")  # in any number: PTB writes ... and -- for them
_CLITIC = re.compile(r"(.+?)(n't|'(?:s|m|d|re|ve|ll))$")
_TOKEN = re.compile(
    rf"""
      '(?:tis|twas)\b | 'n'(?!\w) | '(?:s|m|d|re|ve|ll|em|till?|cause)\b | '\d\ds?\b   # what an apostrophe begins
    | (?:[a-z]\.){{2,}} | \b(?:{_SHORT})\.(?!\w)                                        # abbreviations
    | [+-]?\d+(?:[.,:/]\d+)+ | [+-]\d+(?!\w)                                            # numbers
    | <[a-z/][^<>\s]*> | [\#@]?[^\W_]+(?:[-/&'.@]+[^\W_]+)*                                   # words
    | \.{{2,}} | -{{2,}} | [!?]+ | \S
    """,
    re.VERBOSE,
)
_ALIKE = str.maketrans({"’": "'", "‘": "`", "“": '"', "”": '"', "–": "--", "—": "--", "―": "--", "…": "..."})


def tokens(text: str) -> list[str]:
    """Tokens of a text, punctuation left out.

    >>> tokens("It's a “well-known” dog, they can't say (really)!")
    ['it', "'s", 'a', 'well-known', 'dog', 'they', 'ca', "n't", 'say', '-lrb-', 'really', '-rrb-']
    """
    found: list[str] = []
    for token in _TOKEN.findall(text.translate(_ALIKE).lower()):
        token = _BRACKETS.get(token, token)
        whole = _SPLIT.get(token)
        clitic = _CLITIC.fullmatch(token)
        found += whole.split() if whole else clitic.groups() if clitic else [token]
    return [token for token in found if token not in _DROPPED and not _PUNCTUATION.fullmatch(token)]
