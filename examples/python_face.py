"""Storysound from Python: score a clip, watch it, and give up after a while.

Run as: python examples/python_face.py CLIP LIBRARY OUT.mp4 [SECONDS]
"""

import sys
import threading

import storysound as ss


def main(clip: str, library: str, out: str, patience_s: float = 600.0) -> int:
    """Scores the clip within so many seconds, or leaves everything as it was."""
    stop = ss.Stop()
    timer = threading.Timer(patience_s, stop.set)
    timer.start()
    try:
        with ss.Session() as session:
            for hit in session.find(library, ss.Query(text="rain on a roof"), k=3):
                print(f"{hit.score:.2f}  {hit.sound.path}  {'; '.join(hit.why)}")
            request = ss.ScoreRequest(clip, library=library, out=out)
            film = session.score(request, watch=tell, stop=stop)
    except ss.Cancelled:
        print("gave up; nothing was written")
        return 130
    finally:
        timer.cancel()
    for cue in film.score.cues:
        print(f"{cue.start_s:6.1f} s  {cue.layer:<9}{cue.sound.path}")
    return 0


def tell(at: ss.Progress) -> None:
    """A line for each thing that is done."""
    print(f"{at.share:4.0%}  {at.step}  {at.what}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4], *map(float, sys.argv[4:5])))
