"""What is seen and heard in videos, told from Python: each caption, who said it, and what the check left out.

Run as: python examples/annotations.py VIDEO... OUT
"""

import sys

import storysound as ss
from storysound.library.annotations import Annotations


def main(*paths: str) -> int:
    """Describes the videos; run again with more of them, it describes only what is new."""
    *videos, out = paths
    with ss.Session() as session:
        result = session.annotate(ss.AnnotateRequest(tuple(videos), out))  # strings will do for paths
    for row in Annotations.open(out).rows():
        print(f"{row['file']} {row['start_s']:g}-{row['end_s']:g} s: {row['caption']}")
        for sentence in row["sentences"]:
            print(f"  {sentence['part']} by {sentence['by']}")
        for claim in row["claims"]:
            if not claim["kept"]:
                print(f"  left out: {claim['words']} (support {claim['support']:.2f})")
    print(f"{result.added} new, {result.unchanged} known")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
