"""How much of what `annotate` says is false, with and without its check: on clips that we make of known things.

Run: python -m benchmarks.quality.annotate [../shared/data] [--clips 240] [--seed 7] [--fit MIXTURES]

Each clip lasts 10 s: two pictures (cropped and lit by chance) for 5 s, under one to three sounds that begin when chance
has it, peaks 0 to 12 dB below .5, in noise at -60 dBFS.

Fitted on with --fit, and written to `annotate/check.toml`: what is offered for single photographs of OASIS and stamps
of the triples, by what may be said of them (`annotate_truth.toml`, `annotate_unseen.toml`) and by the words that were
judged (`picture_words_truth.tsv`); and claims of MIXTURES without pictures of sounds of either half of ESC-50, parted
by the hash of their kinds' names, and of `annotate_unseen.toml`'s. `least` is the support that costs COST of the
true claims when each source is judged by what the others taught. All of these were reported on before.

Reported on: other photographs of OASIS, frames and sounds of the videos, and other sounds of Wesnoth
(`annotate_fresh.toml`), which took no part in that.

False: claims that nothing in the clip makes true. Missed: pictures and sounds of which nothing true is said. Intervals:
95 %, by drawing clips anew 2,000 times.
"""

import argparse
import itertools
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np
import scipy.optimize

from benchmarks.quality.picture_words import words_judged
from benchmarks.quality.quality import labelled
from storysound.annotate.check import shipped
from storysound.annotate.claims import Claim, Sense, of_row
from storysound.annotate.families import audioset
from storysound.annotate.picture_claims import IMAGENET, Things, things
from storysound.annotate.picture_words import seen_things
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.ingest.tables import table_rows
from storysound.jobs.annotate import stages
from storysound.jobs.annotate.annotate import run
from storysound.jobs.annotate.request import AnnotateConfig, AnnotateRequest
from storysound.library.annotations import Annotations
from storysound.media.arrays import Pixels, Samples
from storysound.media.audio import Waveform, read_audio
from storysound.media.image import read_image
from storysound.progress import Watch
from storysound.story import Span
from storysound.weights.resolver import Resolver

TRUTH, UNSEEN, FRESH = (Path(__file__).parent / f"annotate_{name}.toml" for name in ("truth", "unseen", "fresh"))
CHECK = Path(__file__).parents[2] / "src" / "storysound" / "annotate" / "check.toml"
RATE_HZ, FPS, CLIP_S, SIDE_PX = 32_000, 4, 10, 320
PAIRS = 1 / 3  # of the clips that show what is heard, where there is a pair
NOISE = 10 ** (-60 / 20)
DRAWS = 2_000
RIDGE = 0.02
COST = {"video": 0.1, "audio": 0.08}  # of the true claims
SEEDS = {"choose": 1, "report": 2, "unseen": 4}  # of mixtures of the sources of sounds
SEED = 11  # of pictures that are fitted on
FRAME = 0.2  # of a video, where its picture stands for it
# What the checks go by, and whether more of it speaks for a claim or against it (0: either): a weight of the other sign
# would be of these sources alone. Of sounds is left out what changes its sign from half to half (how clearly kindred
# classes are heard), and what only says how often voices are in this data.
SIGNS: Mapping[Sense, Mapping[str, int]] = {
    "video": {"alone": 0, "named": 0, "found": 1, "classed": 1, "person": 0},
    "audio": {
        "again": 1, "beside": 1, "clear": 1, "crowd": -1, "held": 1, "least": 1, "level": 1, "near": 1, "rank": -1,
        "raw": 1, "rival": -1, "share": 1, "voiced": 1,
    },
}  # fmt: skip
SENSES: tuple[Sense, ...] = ("video", "audio")


@dataclass(frozen=True)
class Material:
    """A picture or a sound of a kind of known content."""

    file: Path
    kind: str


@dataclass(frozen=True)
class Made:
    """A clip, with the kinds that are in it."""

    file: Path
    pictures: tuple[str, ...]
    sounds: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """A claim, whether it is true, and the number of its clip."""

    claim: Claim
    is_true: bool
    clip: int


def truth(file: Path = TRUTH) -> Mapping[str, Mapping[str, list[str]]]:
    """What may be said of each kind of picture and of sound."""
    return tomllib.loads(file.read_text("utf-8"))


def known_sounds(data: Path) -> list[Material]:
    """ESC-50's."""
    return [Material(data / "esc50" / row["file"], row["category"]) for row in labelled(data)]


def photographs(data: Path, file: Path) -> list[Material]:
    """Pictures that a table names: by theme or photograph of OASIS, by stamp of the triples, by video."""
    names, rows = truth(file)["pictures"], [row for _, row in table_rows(data / "oasis" / "norms.csv")]
    kinds = ((row, name) for row in rows for name in (row["theme"], row["theme"].rpartition(" ")[0]))
    found = [Material(data / "oasis" / row["file"], name) for row, name in kinds if name in names]
    others = [*(data / "triples" / "images").iterdir(), *(data / "videos" / "clips").iterdir()]
    found += [Material(other, other.stem) for other in others if other.stem in names]
    return sorted(found, key=lambda each: str(each.file))


def named_sounds(data: Path, file: Path) -> list[Material]:
    """Sounds that a table names by their files: of the triples, of Wesnoth and of the videos."""
    folders = (data / "triples" / "audio", data / "wesnoth" / "sounds", data / "videos" / "clips")
    files = [each for folder in folders for each in sorted(folder.iterdir())]
    return [Material(each, each.stem) for each in files if each.stem in truth(file)["sounds"]]


def half(kind: str) -> str:
    """Which half a kind of sound lies in; kinds that may be told by the same word lie in one."""
    own = truth()["sounds"][kind] or [kind]
    return "report" if sha256(f"half\0{own[0].lower()}".encode()).digest()[0] % 2 else "choose"


def make(folder: Path, pictures: Sequence[Material], sounds: Sequence[Material], count: int, seed: int) -> list[Made]:
    """So many clips of materials of `FRESH`."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        seen = [pictures[i] for i in rng.choice(len(pictures), 2, replace=False)]
        heard = _some(sounds, rng)
        if rng.random() < PAIRS:
            heard[0] = _of_kind(seen[0], sounds, rng) or heard[0]
        file = folder / f"{number:04d}.mp4"
        write(file, [_shown(picture, rng) for picture in seen], _mixed(heard, rng))
        made.append(Made(file, tuple(m.kind for m in seen), tuple(m.kind for m in heard)))
    return made


def _some(sounds: Sequence[Material], rng: np.random.Generator) -> list[Material]:
    """One to three."""
    return [sounds[i] for i in rng.choice(len(sounds), rng.integers(1, 4), replace=False)]


def _of_kind(picture: Material, sounds: Sequence[Material], rng: np.random.Generator) -> Material | None:
    """A sound of what is seen, by a word that both are called by."""
    names = (picture.kind, *truth(FRESH)["pictures"][picture.kind])
    words = {word.lower() for name in names for word in name.split("_")}
    able = [sound for sound in sounds if words & set(sound.kind.split("_"))]
    return able[int(rng.integers(len(able)))] if able else None


def _shown(picture: Material, rng: np.random.Generator) -> Pixels:
    """A picture [SIDE_PX SIDE_PX 3], cropped to 80 to 100 % and lit by chance."""
    whole = _frame(picture.file) if picture.file.parent.name == "clips" else read_image(picture.file, max_side=512)
    side = round(min(whole.shape[:2]) * rng.uniform(0.8, 1.0))
    top, left = (int(rng.integers(0, size - side + 1)) for size in whole.shape[:2])
    rows = np.linspace(0, side - 1, SIDE_PX).round().astype(int)
    lit = whole[top : top + side, left : left + side][rows][:, rows].astype(np.float32) * rng.uniform(0.8, 1.2)
    return np.clip(lit, 0, 255).astype(np.uint8)


def _frame(video: Path) -> Pixels:
    """The picture [h w 3] at `FRAME` of a video."""
    with av.open(str(video)) as opened:
        frames = list(opened.decode(video=0))
    return np.asarray(frames[int(len(frames) * FRAME)].to_ndarray(format="rgb24"), np.uint8)


def _mixed(sounds: Sequence[Material], rng: np.random.Generator) -> Samples:
    """Sounds in one channel [1 n], each where and as loud as chance has it."""
    mix = rng.normal(0, NOISE, CLIP_S * RATE_HZ).astype(np.float32)
    for sound in sounds:
        own = read_audio(sound.file, rate_hz=RATE_HZ, channels=1).samples[0][: CLIP_S * RATE_HZ]
        start = int(rng.integers(0, len(mix) - len(own) + 1))
        peak = max(float(np.abs(own).max()), 1e-6)
        mix[start : start + len(own)] += own * np.float32(0.5 / peak * 10 ** (-rng.uniform(0, 12) / 20))
    return np.clip(mix, -1, 1)[None]


def write(file: Path, pictures: Sequence[Pixels], sound: Samples) -> None:
    """A film of pictures, each as long as the others, and a sound [1 n]."""
    with av.open(str(file), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt = SIDE_PX, SIDE_PX, "yuv420p"
        audio = out.add_stream("aac", rate=RATE_HZ, layout="mono")
        each = CLIP_S * FPS // len(pictures)
        for number in range(CLIP_S * FPS):
            frame = av.VideoFrame.from_ndarray(pictures[min(number // each, len(pictures) - 1)])
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for start in range(0, sound.shape[1], 1024):
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound[:, start : start + 1024]), "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            out.mux(audio.encode(block))
        out.mux(audio.encode(None))


class Truth:
    """Says whether a claim is true of a clip."""

    def __init__(self, labels: Sequence[str], file: Path) -> None:
        """`labels`: the classes of the eyes; `file`: the table of what is true."""
        self.known: Things = things(IMAGENET, labels)
        self.places = {name: place for place, name in enumerate(self.known.labels)}
        self.table, self.tree = truth(file), audioset()

    def words(self, kind: str, sense: Sense) -> list[str]:
        """What may be said of a kind."""
        return self.table["pictures" if sense == "video" else "sounds"][kind]

    def of(self, claim: Claim, kinds: Sequence[str]) -> bool:
        """Whether one of the kinds makes a claim true."""
        names = [name for kind in kinds for name in self.words(kind, claim.sense)]
        return any(
            self._seen(claim.label, name) if claim.sense == "video" else self.tree.akin(claim.label, name)
            for name in names
        )

    def _seen(self, label: str, name: str) -> bool:
        """Whether a thing is a special or a general case of another; kinds of the detector alone are themselves."""
        if label not in self.places or name not in self.places:
            return label == name
        own, other = (self.known.parts(self.places[each]) for each in (label, name))
        return bool((own <= other).all() or (other <= own).all())


def annotated(made: Sequence[Made], out: Path, models: Models, jobs: int) -> list[list[Claim]]:
    """All claims of each clip, unchecked ones included."""
    request = AnnotateRequest((made[0].file.parent,), out, AnnotateConfig(unsupported="keep"), jobs=jobs)
    run(request, models, Watch())
    by_file = {row["file"]: [of_row(claim) for claim in row["claims"]] for row in Annotations.open(out).rows()}
    return [by_file[str(each.file.resolve())] for each in made]


def judge(made: Sequence[Made], claims: Sequence[Sequence[Claim]], knows: Truth) -> list[Judged]:
    """Every claim with whether it is true."""
    return [
        Judged(claim, knows.of(claim, each.pictures if claim.sense == "video" else each.sounds), number)
        for number, (each, own) in enumerate(zip(made, claims, strict=True))
        for claim in own
    ]


def heard_in_mixtures(
    sounds: Sequence[Material], count: int, seed: int, hear: stages.Sound, knows: Truth
) -> list[Judged]:
    """Claims of so many mixtures without pictures."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        chosen = _some(sounds, rng)
        claims = hear.claims(Waveform(np.asarray(_mixed(chosen, rng), np.float32), RATE_HZ))
        found += [Judged(claim, knows.of(claim, [m.kind for m in chosen]), number) for claim in claims]
    return found


def seen_in_photographs(
    pictures: Sequence[Material], numbers: Iterator[int], look: stages.Pictures,
    is_true: Callable[[Claim, str], bool | None],
) -> list[Judged]:  # fmt: skip
    """All that is offered for single pictures, cropped and lit by chance, but what nobody can judge (None)."""
    found = []
    for picture, number in zip(pictures, numbers, strict=False):
        shot = look.look(Span(0, 1), [_shown(picture, np.random.default_rng([SEED, number]))])
        for (words, _), thing in seen_things(shot, look.things).items():
            claim = Claim("video", thing.label, words, (shot.span,), 0.0, "", thing.evidence)
            known = is_true(claim, picture.kind)
            found += [] if known is None else [Judged(claim, known, number)]
    return found


def _known_of_a_theme(claim: Claim, theme: str, knows: Truth) -> bool | None:
    """Whether a claim is true of all pictures of a theme; None of people, which some of them show and others don't."""
    return knows.of(claim, [theme]) if claim.label in knows.places else None


def judged_words(data: Path) -> tuple[list[Material], Callable[[Claim, str], bool | None]]:
    """Photographs of OASIS that are in no table, but whose words were judged, and who knows what is true of them."""
    known = {name: (right.split(", "), wrong.split(", ")) for _, name, right, wrong in words_judged()}
    tables = {each.file.name for file in (TRUTH, UNSEEN) for each in photographs(data, file)}
    names = sorted(known.keys() - tables)

    def is_true(claim: Claim, name: str) -> bool | None:
        right, wrong = known[name]
        return None if claim.words not in (*right, *wrong) else claim.words in right

    return [Material(data / "oasis" / "images" / name, name) for name in names], is_true


@dataclass(frozen=True)
class Fitted:
    """A logistic regression: of numbers of the evidence [k], by name."""

    bias: float
    weights: dict[str, float]

    def support(self, judged: Sequence[Judged]) -> np.ndarray:
        """Of claims: [n]."""
        rows = [sum(w * each.claim.evidence[name] for name, w in self.weights.items()) for each in judged]
        return np.asarray(1 / (1 + np.exp(-(self.bias + np.array(rows)))))


def fit(judged: Sequence[Judged]) -> Fitted:
    """The regression, with a ridge, whose weights have the signs of `SIGNS`. All claims are of one sense."""
    signs = SIGNS[judged[0].claim.sense]
    x = np.array([[each.claim.evidence[name] for name in signs] for each in judged])
    y = np.array([each.is_true for each in judged], float)
    centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    z = (x - centre) / spread

    def loss(w: np.ndarray) -> float:
        logit = z @ w[1:] + w[0]
        return float(np.logaddexp(0, np.where(y > 0, -logit, logit)).mean() + RIDGE * (w[1:] ** 2).sum())

    bounds = [(None, None), *((None if sign < 1 else 0, None if sign > -1 else 0) for sign in signs.values())]
    w = scipy.optimize.minimize(loss, np.zeros(len(signs) + 1), method="L-BFGS-B", bounds=bounds).x
    weights = w[1:] / spread
    return Fitted(w[0] - float(weights @ centre), dict(zip(signs, weights.tolist(), strict=True)))


def check_of(sources: Mapping[str, Sequence[Judged]]) -> tuple[dict[str, Any], Iterator[str]]:
    """The check of a sense by all sources, and what the others say of each, in lines."""
    across = {
        name: fit([each for other, rest in sources.items() if other != name for each in rest]).support(own)
        for name, own in sources.items()
    }
    is_true = {name: np.array([each.is_true for each in own]) for name, own in sources.items()}
    sense = next(iter(sources.values()))[0].claim.sense
    least = float(np.quantile(np.concatenate([across[name][is_true[name]] for name in sources]), COST[sense]))
    whole = fit([each for own in sources.values() for each in own])
    lines = (
        f"{sense}, {name}: {len(right)} claims, {(~right).sum()} false; by the others: false fewer by "
        f"{(across[name][~right] < least).mean():.0%}, true lost {(across[name][right] < least).mean():.1%}"
        for name, right in is_true.items()
    )
    return {"bias": whole.bias, "least": least, "weights": whole.weights}, lines


def write_checks(found: Mapping[Sense, Mapping[str, Any]], encoders: Mapping[Sense, str], how: str) -> None:
    """The file that the product reads."""
    text = ["# The measured check (annotate/check.py), written by benchmarks/quality/annotate.py --fit:", f"# {how}"]
    for sense, check in found.items():
        weights = ", ".join(f"{name} = {value:.4f}" for name, value in check["weights"].items())
        text += ["", f"[{sense}]", f'encoder = "{encoders[sense]}"', f"bias = {check['bias']:.4f}"]
        text += [f"least = {check['least']:.4f}", f"weights = {{ {weights} }}"]
    CHECK.write_text("\n".join(text) + "\n", "utf-8")


@dataclass(frozen=True)
class Counts:
    """Of each clip [n]: claims that are false and true, told and all; kinds in it, and kinds missed, told and all."""

    false_told: np.ndarray
    false_all: np.ndarray
    true_told: np.ndarray
    true_all: np.ndarray

    def figures(self, chosen: np.ndarray) -> tuple[float, float, float, float]:
        """Of the clips chosen: false claims fewer, true claims lost, precision told and of all."""
        ft, fa, tt, ta = (
            float(x[chosen].sum()) for x in (self.false_told, self.false_all, self.true_told, self.true_all)
        )
        return 1 - ft / max(fa, 1), 1 - tt / max(ta, 1), tt / max(tt + ft, 1), ta / max(ta + fa, 1)


def counts(judged: Sequence[Judged], keeps: Mapping[Sense, Any], sense: Sense | None, clips: int) -> Counts:
    """Claims of one sense, or of both, by clip."""
    table = np.zeros((4, clips), int)
    for each in judged:
        if sense in (None, each.claim.sense):
            told = keeps[each.claim.sense](each.claim)
            table[0 if not each.is_true else 2, each.clip] += told
            table[1 if not each.is_true else 3, each.clip] += 1
    return Counts(*table)


def missed(
    made: Sequence[Made], claims: Sequence[Sequence[Claim]], knows: Truth, keeps: Mapping[Sense, Any]
) -> dict[str, float]:
    """Share of pictures and of sounds that have a word of which nothing true is told."""
    out = {}
    for sense in SENSES:
        there = of = 0
        for each, own in zip(made, claims, strict=True):
            for kind in each.pictures if sense == "video" else each.sounds:
                if knows.words(kind, sense):
                    of += 1
                    there += any(c.sense == sense and keeps[sense](c) and knows.of(c, [kind]) for c in own)
        out[sense] = 1 - there / max(of, 1)
    return out


def report(
    made: Sequence[Made], claims: Sequence[Sequence[Claim]], knows: Truth, keeps: Mapping[Sense, Any]
) -> Iterator[str]:
    """The figures of a half, in lines."""
    judged = judge(made, claims, knows)
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(made), len(made)) for _ in range(DRAWS)]
    for sense in (*SENSES, None):
        own = counts(judged, keeps, sense, len(made))
        here = own.figures(np.arange(len(made)))
        low, high = np.quantile([own.figures(draw)[:2] for draw in draws], [0.025, 0.975], axis=0)
        yield (
            f"{sense or 'both'}: {own.true_all.sum() + own.false_all.sum()} claims, {own.false_all.sum()} false; "
            f"checked: false fewer by {here[0]:.0%} [{low[0]:.0%}, {high[0]:.0%}], true lost {here[1]:.1%} "
            f"[{low[1]:.1%}, {high[1]:.1%}]; precision {here[3]:.2f} -> {here[2]:.2f}"
        )
    everything = {sense: lambda claim: True for sense in SENSES}
    before, after = missed(made, claims, knows, everything), missed(made, claims, knows, keeps)
    yield ", ".join(f"{sense} missed {before[sense]:.0%} -> {after[sense]:.0%}" for sense in SENSES)


def refit(data: Path, models: Models, count: int) -> None:
    """Fits both checks on all that was reported on before, and writes them."""
    labels, config = models.picture.labels[IMAGENET], AnnotateConfig()
    look, hear = stages.Pictures(config, models), stages.Sound(config, models)
    knows, knows_unseen = Truth(labels, TRUTH), Truth(labels, UNSEEN)
    pictures: dict[str, tuple[list[Material], Callable[[Claim, str], bool | None]]] = {
        "unseen": (photographs(data, UNSEEN), lambda claim, kind: knows_unseen.of(claim, [kind])),
        "truth": (photographs(data, TRUTH), lambda claim, kind: _known_of_a_theme(claim, kind, knows)),
        "words": judged_words(data),
    }
    count_on = itertools.count()
    seen = {name: seen_in_photographs(own, count_on, look, is_true) for name, (own, is_true) in pictures.items()}
    sounds = {name: [each for each in known_sounds(data) if half(each.kind) == name] for name in ("choose", "report")}
    heard = {name: heard_in_mixtures(own, count, SEEDS[name], hear, knows) for name, own in sounds.items()}
    heard["unseen"] = heard_in_mixtures(named_sounds(data, UNSEEN), count, SEEDS["unseen"], hear, knows_unseen)
    found: dict[Sense, dict[str, Any]] = {}
    for sense, sources in zip(SENSES, (seen, heard), strict=True):
        found[sense], lines = check_of(sources)
        print("\n".join(lines))
    encoders: dict[Sense, str] = {"video": look.revision.split()[0], "audio": hear.revision.split()[0]}
    numbers = ", ".join(f"{len(own)} of {name}" for name, own in seen.items())
    seeds = ", ".join(map(str, SEEDS.values()))
    write_checks(
        found, encoders, f"things offered for pictures: {numbers}; {count} mixtures of each source, seeds {seeds}"
    )


def main() -> None:
    """Makes, annotates, judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--clips", type=int, default=240)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--fit", type=int, default=0, metavar="MIXTURES", help="of each source: fits first")
    parser.add_argument("--work", type=Path, help="a folder that keeps clips and claims")
    options = parser.parse_args()
    models = Models(load_profile(), Resolver(offline=True))
    if options.fit:
        refit(options.data, models, options.fit)
    knows = Truth(models.picture.labels[IMAGENET], FRESH)
    pictures, sounds = photographs(options.data, FRESH), named_sounds(options.data, FRESH)
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        folder = work / "clips"
        folder.mkdir(parents=True, exist_ok=True)
        made = make(folder, pictures, sounds, options.clips, options.seed)
        claims = annotated(made, work / "claims", models, options.jobs)
        print(f"{len(made)} clips of {len(pictures)} pictures and {len(sounds)} sounds, {sum(map(len, claims))} claims")
        checks = shipped().of
        keeps = {s: (lambda claim, c=checks[s]: c.support(claim.evidence) >= c.least) for s in SENSES}
        for line in report(made, claims, knows, keeps):
            print(line)


if __name__ == "__main__":
    main()
