"""Nothing of a film is left behind: every stream of many films, in every container that holds it."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from film_making import LIGHT, MASTERING, SPHERICAL, STEREO_3D, Plan, Track, make, with_boxes
from media_making import tone

from storysound.media.audio import read_audio
from storysound.media.film.containers import CONTAINERS, TEXTS, unable
from storysound.media.film.mux import Delivered, ScoredTrack, mux_film
from storysound.media.film.tracks import StreamInfo, original_tracks, streams_of
from storysound.media.probe import probe
from storysound.media.recording import of_wave

DEFAULT, FORCED, DEAF, COMMENT, DUB = (
    Disposition.default, Disposition.forced, Disposition.hearing_impaired, Disposition.comment, Disposition.dub,
)  # fmt: skip
TWO = (Track("aac", "eng", "Main", DEFAULT), Track("aac", "fra", "Doublage", DUB))
SRT = (Track("subrip", "deu", "Alles", DEFAULT), Track("subrip", "ita", "Cartelli", FORCED))
UNEVEN = (0, 40, 80, 300, 340, 380, 900, 940, 980, 1200, 1700)
PHONE = (("com.apple.quicktime.make", "Apple"), ("com.apple.quicktime.model", "iPhone 15"))
PLACED = (("title", "Sea"), ("location", "+12.3000+045.6000/"), ("creation_time", "2021-05-06T07:08:09.000000Z"))

PLANS = [
    Plan("plain.mp4"),
    Plan("two.mkv", sounds=TWO, subtitles=SRT, font=True, timecode="01:00:00:00"),
    Plan("two.mp4", sounds=TWO, subtitles=(Track("mov_text", "deu"), Track("mov_text", "ita", "", FORCED))),
    Plan("two.mov", sounds=TWO, timecode="10:00:00:00", subtitles=(Track("mov_text", "spa"),)),
    Plan("surround.mkv", sounds=(Track("ac3", "eng", "", DEFAULT, "5.1(side)"), Track("aac", "eng", "Talk", COMMENT))),
    Plan("surround.mp4", sounds=(Track("aac", layout="5.1"), Track("eac3", "fra", layout="5.1(side)"))),
    Plan("seven.mkv", sounds=(Track("flac", layout="7.1"),)),
    Plan("plain24.mov", sounds=(Track("pcm_s24le"), Track("pcm_s16le", "fra"))),
    Plan("flac.mkv", sounds=(Track("flac"), Track("flac", "jpn")), subtitles=SRT),
    Plan("alac.mp4", sounds=(Track("alac"), Track("mp3", "fra"))),
    Plan("mono.mp4", sounds=(Track("aac", layout="mono"),)),
    Plan("silent.mp4", sounds=()),
    Plan("silent.mkv", sounds=(), subtitles=SRT),
    Plan("opus.webm", "libvpx-vp9", (Track("libopus", "eng", "", DEFAULT), Track("libopus", "fra"))),
    Plan("words.webm", "libvpx", (Track("libopus"),), (Track("webvtt", "deu"), Track("webvtt", "ita"))),
    Plan("styled.mkv", subtitles=(Track("ass", "jpn", "Signs", FORCED), Track("webvtt", "kor")), font=True),
    Plan("hdr.mkv", "libx265", hdr=True),
    Plan("hdr.mp4", "libx265", hdr=True, sounds=TWO),
    Plan("vfr.mkv", times=UNEVEN, sounds=TWO),
    Plan("vfr.mp4", times=UNEVEN, subtitles=(Track("mov_text", "deu"),)),
    Plan("turned.mp4", rotation=90, sounds=TWO),
    Plan("turned.mov", rotation=180, tags=PHONE),
    Plan("wide.mkv", aspect=Fraction(4, 3)),
    Plan("wide.mp4", aspect=Fraction(4, 3), timecode="00:59:59:20"),
    Plan("prores.mov", "prores_ks", (Track("pcm_s24le", layout="stereo"),), timecode="01:02:03:04"),
    Plan("cover.mp4", cover=True, sounds=TWO),
    Plan("place.mov", tags=PLACED),
    Plan("place.mp4", tags=PLACED),
    Plan("deaf.mkv", subtitles=(Track("subrip", "eng", "CC", DEAF), *SRT), sounds=(*TWO, Track("libopus", "spa"))),
    Plan("deaf.mp4", subtitles=(Track("mov_text", "eng", "", DEAF),), sounds=(*TWO, Track("ac3", "spa"))),
]
# Besides its own container each film goes into these, as far as they hold its pictures.
OTHERS = (".mkv", ".mp4", ".mov")


def looked(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a file says of itself, and all of each of its streams."""
    with av.open(str(path)) as container:
        infos = streams_of(container)
        packets: dict[int, list[tuple[bytes, float]]] = {info.index: [] for info in infos}
        for packet in container.demux([s for s in container.streams if s.type != "attachment"]):
            if packet.size:
                packets[packet.stream.index].append((bytes(packet), float((packet.pts or 0) * packet.time_base)))
        found = []
        for info, stream in zip(infos, container.streams, strict=True):
            facts: dict[str, Any] = {"info": info, "packets": packets[info.index], "tags": dict(stream.metadata)}
            if info.kind == "attachment":
                facts["packets"] = [(stream.data, 0.0)]
            if info.kind == "video":
                context = stream.codec_context
                facts["look"] = (
                    context.width, context.height, context.color_primaries, context.color_trc, context.colorspace,
                    context.color_range, stream.sample_aspect_ratio or 1,
                )  # fmt: skip
            found.append(facts)
        chapters = [(float(c["start"] * c["time_base"]), c["metadata"]["title"]) for c in container.chapters()]
        tags = {name.lower(): text for name, text in container.metadata.items()}
        return {"chapters": chapters, "tags": tags}, found


def scored(source: Path, out: Path) -> Delivered:
    """The film with its first sound made anew."""
    with av.open(str(source)) as container:
        layout = next(container.decode(audio=0)).layout if container.streams.audio else None
    channels = layout.nb_channels if layout else 2
    wave = tone(1000, 2, channels=channels, amplitude=0.2)
    names = tuple(c.name for c in layout.channels) if layout and channels > 2 else ()
    sound = of_wave(type(wave)(wave.samples, wave.rate_hz, names))
    return mux_film(source, [ScoredTrack(sound, 0 if layout else None)], out, ceiling_dbtp=-1.0)


def holds(plan: Plan, suffix: str) -> bool:
    codec = {"libx264": "h264", "libx265": "hevc", "libvpx": "vp8", "libvpx-vp9": "vp9", "prores_ks": "prores"}
    video = CONTAINERS[suffix].video
    return video is None or codec[plan.video] in video


CASES = [
    pytest.param(plan, suffix, id=f"{plan.name}-to-{suffix[1:]}")
    for plan in PLANS
    for suffix in dict.fromkeys([Path(plan.name).suffix, *OTHERS])
    if holds(plan, suffix)
]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan], Path]:
    """Makes the film of a plan when it is first asked for."""
    return cache(lambda plan: make(tmp_path_factory.mktemp("films"), plan))


@pytest.mark.parametrize(("plan", "suffix"), CASES)
def test_every_stream_is_kept_or_named(films: Callable[[Plan], Path], tmp_path: Path, plan: Plan, suffix: str) -> None:
    source, out = films(plan), tmp_path / f"out{suffix}"
    delivered = scored(source, out)
    before, old = looked(source)
    after, new = looked(out)
    lost = {each.stream.index for each in delivered.left_out}
    kept = [facts for facts in old if facts["info"].index not in lost and facts["info"].kind not in ("data",)]
    there = [facts for facts in new if facts["info"].kind not in ("data",)]
    if not any(facts["info"].kind == "audio" for facts in old):
        there = [facts for facts in there if facts["info"].kind != "audio"]
    key = lambda facts: (facts["info"].kind, facts["info"].number)  # noqa: E731
    assert Counter(facts["info"].kind for facts in kept) == Counter(facts["info"].kind for facts in there)
    for a, b in zip(sorted(kept, key=key), sorted(there, key=key), strict=True):
        _same(a, b, suffix, source.suffix, is_new=a["info"].kind == "audio" and a["info"].number == 0)
    assert after["chapters"] == before["chapters"]
    for name in ("title", "creation_time", "location", *(name for name, _ in PHONE)):
        assert after["tags"].get(name) == before["tags"].get(name), name
    code = [facts["tags"].get("timecode", facts["tags"].get("TIMECODE", "")) for facts in new]
    assert (plan.timecode in code) if plan.timecode else not any(code)


def _same(a: dict[str, Any], b: dict[str, Any], suffix: str, own: str, *, is_new: bool) -> None:
    """Whether a stream is what it was, as far as the container can say it."""
    before, after = a["info"], b["info"]
    language = {"deu": "ger"}.get(before.language, before.language) if suffix == ".mov" else before.language
    assert (after.language or "und") == (language or "und")
    assert after.title == before.title
    uses = {"default", "forced"} & set(before.uses) if suffix == ".mov" else set(before.uses)
    uses -= {"captions"}  # which MP4 makes of those for the deaf
    if not {suffix, own} & {".mov", ".mp4"}:
        assert set(after.uses) == uses
    elif suffix != ".mov":
        assert uses - {"default"} <= set(after.uses)
    if is_new:
        assert (after.layout, after.rate_hz) == (before.layout.replace("(side)", ""), 48000)
        if before.depth and suffix != ".mp4":
            assert after.depth == before.depth
        return
    if before.kind == "subtitle" and after.codec != before.codec:
        assert before.codec in TEXTS
        assert after.codec == CONTAINERS[suffix].text
        assert [time for data, time in b["packets"] if len(data) > 2] == pytest.approx([0.1, 0.7, 1.3], abs=2e-3)
        assert all(f"Line {n}".encode() in data for n, (data, _) in enumerate(p for p in b["packets"] if len(p[0]) > 2))
        return
    assert after.codec == before.codec
    filled = [[p for p in facts["packets"] if before.kind != "subtitle" or len(p[0]) > 2] for facts in (a, b)]
    assert [data for data, _ in filled[1]] == [data for data, _ in filled[0]]
    if before.kind not in ("attachment", "cover"):
        assert [time for _, time in filled[1]] == pytest.approx([time for _, time in filled[0]], abs=1.1e-3)
    assert b.get("look") == a.get("look")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_hdr_stays(tmp_path: Path, suffix: str) -> None:
    source = make(tmp_path, Plan("in.mp4", "libx265", hdr=True, sounds=TWO))
    with_boxes(source, [MASTERING, LIGHT])
    scored(source, tmp_path / f"out{suffix}")
    for path in (source, tmp_path / f"out{suffix}"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            kinds = {side.type.name for side in frame.side_data}
        assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"} <= kinds, path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_3d_and_spherical_pictures_stay_so(tmp_path: Path, suffix: str) -> None:
    source = with_boxes(make(tmp_path, Plan("in.mp4")), [STEREO_3D, SPHERICAL])
    out = tmp_path / f"out{suffix}"
    scored(source, out)
    for path in (source, out):
        with av.open(str(path)) as container:
            kinds = {side.type.name for side in next(container.decode(video=0)).side_data}
        assert {"STEREO3D", "SPHERICAL"} <= kinds, path
    if suffix == ".mp4":
        assert STEREO_3D in out.read_bytes()


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    "tags",
    [
        (("title", "Sea"), ("location", "+12.3000+045.6000/"), ("com.android.version", "14"), ("make", "Google")),
        (("title", "Sea"), ("location", "+12.3000+045.6000/"), *PHONE),
    ],
)
def test_what_a_phone_says_is_found_by_apples_programs_and_by_others(
    tmp_path: Path, suffix: str, tags: tuple[tuple[str, str], ...]
) -> None:
    source = make(tmp_path, Plan("in.mov", tags=tags))
    scored(source, tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        found = dict(container.metadata)
    assert dict(tags).items() <= found.items()
    assert found["com.apple.quicktime.title"] == "Sea"
    assert found["com.apple.quicktime.location.ISO6709"] == "+12.3000+045.6000/"
    assert found["com.apple.quicktime.make"] == dict(tags).get("make", "Apple")


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_title_stands_where_every_player_looks(tmp_path: Path, suffix: str) -> None:
    scored(make(tmp_path, Plan("in.mp4")), tmp_path / f"out{suffix}")
    data = (tmp_path / f"out{suffix}").read_bytes()
    assert b"\xa9nam" in data
    assert b"mdta" not in data


def test_what_a_container_cannot_hold_is_known_before() -> None:
    info = [
        StreamInfo(0, "video", 0, "h264"), StreamInfo(1, "audio", 0, "opus"), StreamInfo(2, "subtitle", 0, "subrip"),
        StreamInfo(3, "subtitle", 1, "hdmv_pgs_subtitle"), StreamInfo(4, "attachment", 0, "font/ttf", title="a.ttf"),
        StreamInfo(5, "data", 0, "timecode"), StreamInfo(6, "data", 1, "bin_data"),
    ]  # fmt: skip
    assert [(each.stream.index, each.container) for each in unable(info, "a.mp4")] == [
        (3, ".mkv"),
        (4, ".mkv"),
        (6, ""),
    ]
    assert [each.stream.index for each in unable(info, "a.mov")] == [1, 3, 4, 6]
    assert [each.stream.index for each in unable(info, "a.webm")] == [0, 3, 4, 6]
    assert [str(each) for each in unable(info[:5], "a.mp4")] == [
        "subtitle track 1 (hdmv_pgs_subtitle): .mp4 can't hold hdmv_pgs_subtitle subtitles (.mkv does)",
        "attachment track 0 (font/ttf, a.ttf): .mp4 holds no attachments (.mkv does)",
    ]
    assert unable(info[:5], "a.mkv") == []


def test_the_original_is_what_players_choose() -> None:
    plain, comment = StreamInfo(1, "audio", 0, "aac"), StreamInfo(1, "audio", 0, "aac", uses=frozenset({"comment"}))
    second = StreamInfo(2, "audio", 1, "aac", uses=frozenset({"default"}))
    assert original_tracks([plain, second]) == (1,)
    assert original_tracks([comment, StreamInfo(2, "audio", 1, "aac")]) == (1,)
    assert original_tracks([plain, StreamInfo(2, "audio", 1, "aac")]) == (0, 1)
    assert original_tracks([]) == ()
    chosen = StreamInfo(1, "audio", 0, "aac", uses=frozenset({"comment", "default"}))
    assert original_tracks([chosen, StreamInfo(2, "audio", 1, "aac")]) == (1,)


def test_two_languages_are_scored_in_their_places(tmp_path: Path) -> None:
    source, out = make(tmp_path, Plan("in.mkv", sounds=TWO)), tmp_path / "out.mkv"
    low, high = of_wave(tone(200, 2, channels=2)), of_wave(tone(2000, 2, channels=2))
    delivered = mux_film(source, [ScoredTrack(high, 1), ScoredTrack(low, 0)], out, ceiling_dbtp=-1.0)
    assert len(delivered.sounds) == 2
    for track, hz in ((0, 200), (1, 2000)):
        heard = read_audio(out, track=track).samples[0]
        assert np.argmax(np.abs(np.fft.rfft(heard[4800:52800]))) == hz
    _, streams = looked(out)
    assert [facts["info"].language for facts in streams] == ["", "eng", "fra"]
    assert [sound.title for sound in probe(out).sounds] == ["Main", "Doublage"]
