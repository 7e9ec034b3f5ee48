"""A scored film beside its original: packets of the picture, loudness, voices, and the largest jumps of the sound.

python -m benchmarks.quality.film demo/film.mp4 demo/film.scored.mp4
"""

import argparse
import json
from pathlib import Path

import av
import numpy as np
import pyloudnorm

from storysound.media.audio import read_audio
from storysound.media.loudness import true_peak_dbtp

JUMPS = 5


def packets(file: Path) -> list[bytes]:
    """Of the picture."""
    with av.open(str(file)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


def main() -> None:
    """Measures and prints. The cue sheet lies beside the scored film."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("original", type=Path)
    parser.add_argument("scored", type=Path)
    given = parser.parse_args()
    before, after = packets(given.original), packets(given.scored)
    print(f"{len(after)} packets of the picture, {'the same' if before == after else 'NOT the same'} as the original's")
    mixed = read_audio(given.scored)
    own = read_audio(given.original, rate_hz=mixed.rate_hz, channels=len(mixed.samples))
    lufs = pyloudnorm.Meter(mixed.rate_hz).integrated_loudness(mixed.samples.T.astype(float))
    print(f"{mixed.duration_s:.2f} s of sound, {lufs:.1f} LUFS by pyloudnorm, {true_peak_dbtp(mixed):.1f} dBTP")
    sheet = json.loads(given.scored.with_suffix(".cues.json").read_text("utf-8"))
    for start_s, end_s in sheet["speech"]:
        said, heard = (wave.cut(start_s, end_s).samples.astype(float) for wave in (own, mixed))
        width = min(said.shape[1], heard.shape[1])
        x, y = said[:, :width].ravel(), heard[:, :width].ravel()
        gain = (x @ y) / (x @ x)
        below = 10 * np.log10(((gain * x) ** 2).sum() / ((y - gain * x) ** 2).sum())
        print(f"speech {start_s:.2f}-{end_s:.2f} s: gain {20 * np.log10(gain):+.2f} dB, all else {below:.1f} dB below")
    jumps = np.abs(np.diff(mixed.samples, axis=1)).max(axis=0)
    edges = [cue[edge] for cue in sheet["cues"] for edge in ("start_s", "end_s")]
    for at in np.argsort(-jumps)[:JUMPS]:
        time_s = at / mixed.rate_hz
        away_s = min(abs(time_s - edge) for edge in edges)
        print(f"jump {jumps[at]:.2f} at {time_s:.2f} s, {away_s:.2f} s from a cue's edge")


if __name__ == "__main__":
    main()
