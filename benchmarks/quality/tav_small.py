"""What the small TAVDiffusion makes of held-out texts, as strips of frames with the sound below: four best, four worst.

Best and worst are by our own judges: how well a clip fits its text, among those whose contacts are seen. Contacts that
are seen are marked in red, those that are heard in cyan. Figures: `storysound evaluate tav_small`.

Run: python -m benchmarks.quality.tav_small FOLDER [--clips 60] [--model FOLDER] [--judges FOLDER] [--part test]
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from benchmarks.quality.made_world import strip
from storysound.generate.maker import WEIGHTS
from storysound.generate.video.small import made, pixels_of, read_small, sound_of
from storysound.progress import Watch, check
from storysound.research.tavg.small.evaluate import AT_ONCE, judged, texts_of
from storysound.research.tavg.small.judges import SHIPPED, fit_of, read_judges
from storysound.research.tavg.small.settings import SmallTavJudging

SHOWN = 4


def main() -> None:
    """Writes best.png and worst.png."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--model", type=Path, default=WEIGHTS)
    parser.add_argument("--judges", type=Path, default=SHIPPED)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    options = parser.parse_args()
    recipe = SmallTavJudging(options.judges, options.part, options.clips)
    parts, clips = read_small(options.model), texts_of(recipe)
    texts = [clip.text for clip in clips]
    sets = [
        made(parts, texts[start : start + AT_ONCE], range(start, min(start + AT_ONCE, len(texts))), check)
        for start in range(0, len(texts), AT_ONCE)
    ]
    frames, mels = (torch.cat(part) for part in zip(*sets, strict=True))
    network = read_judges(options.judges)
    found = judged(network, lambda start, end: (frames[start:end], mels[start:end]), recipe, Watch())
    fit = fit_of(found.shows, [clip.scene.combination for clip in clips])
    order = fit.argsort(descending=True).tolist()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in (("best", order[:SHOWN]), ("worst", order[-SHOWN:])):
        strips = [
            strip(pixels_of(frames[i]), sound_of(mels[i].numpy(), i).samples[0], f"{texts[i]}   (fit {fit[i]:.2f})",
                  found.seen[i].tolist(), found.heard[i].tolist())
            for i in chosen
        ]  # fmt: skip
        sheet = Image.new("RGB", (strips[0].width, sum(each.height + 4 for each in strips)))
        top = 0
        for each in strips:
            sheet.paste(each, (0, top))
            top += each.height + 4
        sheet.save(options.folder / f"{name}.png")
        print(options.folder / f"{name}.png")


if __name__ == "__main__":
    main()
