"""Music composed to a film from Python: a piece of its own, one scene of it by other players, the film made again.

Run as: python examples/composed.py CLIP OUT.mp4
Once before: storysound models pull soundfonts
"""

import sys
from pathlib import Path

import storysound as ss


def main(clip: str, out: str) -> int:
    """Scores the clip, gives the piano to the last scene, and renders the film again."""
    with ss.Session() as session:
        film = session.score(ss.ScoreRequest(Path(clip), None, Path(out), compose="always", effects=False))
        music = [cue for cue in film.score.cues if cue.composed]
        for cue in music:
            print(f"{cue.start_s:6.1f} s  {cue.id}  {cue.why[0]}; {cue.why[1]}")
        sheet = film.files["json"]
        edited = session.edit(ss.EditRequest(sheet, "set", music[-1].id, ensemble="piano", seed=4))
        print(f"composed anew: {', '.join(edited.changed)}")
        session.render(ss.RenderRequest(sheet=sheet, out=Path(out)))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
