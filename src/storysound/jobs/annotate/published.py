"""TAVGBench's Table 1, to stand beside the statistics of what was annotated here: other data, so never a comparison."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetStats:
    """A row: clips, hours, and the sentences and words of a clip's description."""

    name: str
    clips: float
    hours: float
    sentences: float
    words: float
    described: str  # what descriptions are about
    method: str


TABLE_1 = (
    DatasetStats("AudioCaps", 46e3, 5.3, 1.0, 9.03, "sound", "written by people"),
    DatasetStats("MSR-VTT", 10e3, 41.2, 20.0, 185.7, "pictures", "written by people"),
    DatasetStats("WebVid", 10e6, 53e3, 1.0, 12.0, "pictures", "automatic"),
    DatasetStats("FAVDBench", 11.4e3, 24.4, 12.6, 218.9, "both", "written by people"),
    DatasetStats("TAVGBench", 1.7e6, 11.8e3, 2.32, 49.98, "both", "automatic"),
)
CLIP_S = 10.0  # of TAVGBench, as the paper has it
ERRATUM = "1.7 M clips of 10 s are 4.7 thousand hours, not 11.8 (erratum 2); AudioCaps is about 128 h"


def beside() -> str:
    """TAVGBench's own row in words, with its erratum."""
    row = TABLE_1[-1]
    return (
        f"published, other data: {row.name} {row.clips / 1e6:.1f} M clips, {row.hours / 1e3:.1f} K h, {row.sentences} "
        f"sentences, {row.words} words a clip; {ERRATUM.partition(';')[0]}"
    )
