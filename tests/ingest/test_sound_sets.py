"""Public sets of sounds, each as a tiny folder in its official layout; ESC-50 as the shared data has it."""

from pathlib import Path

import pytest

from storysound.errors import InputError
from storysound.ingest.sound_sets import LAYOUTS, read_clotho, read_desed, read_set
from storysound.story import Event

# Layout -> tables and sounds as their archives hold them.
OFFICIAL = {
    "esc50": {
        "meta/esc50.csv": "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n2-1-A-14.wav,2,14,chirping_birds,False,1,A\n",
        "audio/1-100032-A-0.wav": "", "audio/2-1-A-14.wav": "",
    },
    "urbansound8k": {
        "metadata/UrbanSound8K.csv": "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
        "100032-3-0-0.wav,100032,0.0,0.317551,1,5,3,dog_bark\n17-2-0-0.wav,17,0,4,1,10,2,children_playing\n",
        "audio/fold5/100032-3-0-0.wav": "", "audio/fold10/17-2-0-0.ogg": "",
    },
    "fsd50k": {
        "FSD50K.ground_truth/dev.csv": 'fname,labels,mids,split\n'
        '64760,"Electric_guitar,Guitar,Music","/m/1,/m/2,/m/3",train\n',
        "FSD50K.ground_truth/eval.csv": 'fname,labels,mids\n37199,"Rain","/m/4"\n',
        "FSD50K.dev_audio/64760.wav": "", "FSD50K.eval_audio/37199.wav": "",
    },
    "vggsound": {
        "vggsound.csv": '---g-f_I2yQ,1,people marching,test\n-0jeONf82dE,21,"car, passing by",train\n',
        "video/---g-f_I2yQ_000001.mp4": "", "video/deeper/-0jeONf82dE_000021.mp4": "",
    },
    "tau": {
        "evaluation_setup/fold1_train.csv": "filename\tscene_label\naudio/airport-lisbon-1000-40000-a.wav\tairport\n",
        "evaluation_setup/fold1_evaluate.csv": "filename_audio\tfilename_video\tscene_label\n"
        "audio/bus-lyon-1-2.wav\tv\tbus\n",
        "audio/airport-lisbon-1000-40000-a.wav": "", "audio/bus-lyon-1-2.wav": "",
    },
}  # fmt: skip
EXPECTED = {
    "esc50": [(("dog",), "1", "100032"), (("chirping_birds",), "2", "1")],
    "urbansound8k": [(("dog_bark",), "5", "100032"), (("children_playing",), "10", "17")],
    "fsd50k": [(("Electric_guitar", "Guitar", "Music"), "train", "64760"), (("Rain",), "test", "37199")],
    "vggsound": [(("people marching",), "test", "---g-f_I2yQ"), (("car, passing by",), "train", "-0jeONf82dE")],
    "tau": [(("airport",), "train", "lisbon-1000"), (("bus",), "test", "lyon-1")],
}


def unpacked(folder: Path, layout: dict[str, str]) -> Path:
    for name, text in layout.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_official_layouts(layout: str, tmp_path: Path) -> None:
    found = read_set(layout, unpacked(tmp_path, OFFICIAL[layout]))
    assert [(clip.labels, clip.fold, clip.source) for clip in found.clips] == EXPECTED[layout]
    assert all(clip.path.is_file() for clip in found.clips)
    assert set(found.classes) == {label for labels, *_ in EXPECTED[layout] for label in labels}
    assert found.several == (layout == "fsd50k")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_without_table_or_sounds_is_told(layout: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no .*\.csv"):
        read_set(layout, tmp_path)
    tables = {name: text for name, text in OFFICIAL[layout].items() if name.endswith(".csv")}
    with pytest.raises(InputError, match="none of the sounds"):
        read_set(layout, unpacked(tmp_path, tables))


def test_other_tables_and_layouts_are_told(tmp_path: Path) -> None:
    unpacked(tmp_path, {"metadata/UrbanSound8K.csv": "name\nx\n", "vggsound.csv": "one\n"})
    with pytest.raises(InputError, match="no column 'fold'"):
        read_set("urbansound8k", tmp_path)
    with pytest.raises(InputError, match="no row of VGGSound"):
        read_set("vggsound", tmp_path)
    with pytest.raises(ValueError, match="esc50, urbansound8k"):
        read_set("nsynth", tmp_path)


@pytest.mark.shared
def test_esc50_of_the_shared_data(shared_data: Path) -> None:
    found = read_set("esc50", shared_data / "esc50")
    assert (len(found.clips), len(found.classes)) == (220, 50)


def test_desed(tmp_path: Path) -> None:
    rows = (
        "filename\tonset\toffset\tevent_label\n"
        "A.wav\t0.5\t2\tDog\nA.wav\t1\t3.5\tSpeech\nB.wav\t\t\t\nC.wav\t1\t2\tCat\n"
    )
    unpacked(tmp_path, {"validation.tsv": rows, "audio/A.wav": "", "audio/B.wav": ""})
    found = read_desed(tmp_path / "validation.tsv", tmp_path / "audio")
    assert found == {
        tmp_path / "audio" / "A.wav": (Event(0.5, 2.0, "Dog", 1.0), Event(1.0, 3.5, "Speech", 1.0)),
        tmp_path / "audio" / "B.wav": (),
    }
    with pytest.raises(InputError, match=r"none of the sounds that validation\.tsv"):
        read_desed(tmp_path / "validation.tsv", tmp_path)
    (tmp_path / "validation.tsv").write_text("filename\tonset\toffset\tevent_label\nA.wav\tsoon\t2\tDog\n")
    with pytest.raises(InputError, match="line 2: onset"):
        read_desed(tmp_path / "validation.tsv", tmp_path / "audio")


HEAD = "filename\tonset\toffset\tevent_label\n"


@pytest.mark.parametrize(
    "row", ["B.wav\tNaN\tNaN\tNaN", "B.wav\tnan\tnan\tDog", "B.wav\tNone\tNone\tNone", "B.wav", " B.wav \t\t\tN/A"]
)
def test_rows_of_nothing_are_files_without_events(tmp_path: Path, row: str) -> None:
    unpacked(tmp_path, {"v.tsv": f"{HEAD}A.wav\t0\t2.0\tDog\n{row}\n", "A.wav": "", "B.wav": ""})
    found = read_desed(tmp_path / "v.tsv", tmp_path)
    assert found == {tmp_path / "A.wav": (Event(0.0, 2.0, "Dog", 1.0),), tmp_path / "B.wav": ()}


def test_sounds_that_are_not_there_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = tmp_path / "v.tsv"
    unpacked(tmp_path, {"v.tsv": f"{HEAD}A.wav\t0\t2\tDog\nB.wav\t0\t1\tCat\nC.wav\t\t\t\n", "A.wav": ""})
    assert read_desed(table, tmp_path) == {tmp_path / "A.wav": (Event(0.0, 2.0, "Dog", 1.0),)}
    table.write_text("file_name\tcaption_1\nA.wav\ta dog\nB.wav\ta cat\n")
    assert read_clotho(table, tmp_path) == [(tmp_path / "A.wav", ("a dog",))]
    assert caplog.messages == [
        f"{table}: 2 of 3 files are not in {tmp_path}, as 'B.wav'",
        f"{table}: 1 of 2 files are not in {tmp_path}, as 'B.wav'",
    ]


def test_events_of_json_lines(tmp_path: Path) -> None:
    rows = (
        '{"filename": "A.wav", "onset": 0, "offset": 2, "event_label": "Dog"}\n'
        '{"filename": "B.wav", "onset": NaN, "offset": null, "event_label": null}\n'
    )
    unpacked(tmp_path, {"v.jsonl": rows, "A.wav": "", "B.wav": ""})
    found = read_desed(tmp_path / "v.jsonl", tmp_path)
    assert found == {tmp_path / "A.wav": (Event(0.0, 2.0, "Dog", 1.0),), tmp_path / "B.wav": ()}


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (f"{HEAD}A.wav\t1\tNaN\tDog", "line 2: onset '1', offset None"),
        (f"{HEAD}A.wav\tNaN\t1\tDog", "line 2: onset None"),
        (f"{HEAD}A.wav\t0\t1\tNaN", "event_label None are no event"),
        (f"{HEAD}A.wav\t2\t1\tDog", "line 2: onset '2'"),
        (f"{HEAD}A.wav\t-2\t1\tDog", "line 2: onset '-2'"),
        (f"{HEAD}A.wav\t0\tinf\tDog", "line 2: onset '0'"),
        (f"{HEAD}\t0\t1\tDog", "line 2 names no file"),
        ("filename\tevent_label\nA.wav\tDog", "lacks the column onset"),
    ],
)
def test_what_is_no_event_is_told_with_its_line(tmp_path: Path, rows: str, fault: str) -> None:
    unpacked(tmp_path, {"v.tsv": rows, "A.wav": ""})
    with pytest.raises(InputError, match=fault):
        read_desed(tmp_path / "v.tsv", tmp_path)


def test_sounds_are_found_by_names_in_either_form(tmp_path: Path) -> None:
    unpacked(tmp_path, {"v.tsv": f"{HEAD}été.wav\t0\t1\tDog\nSt.Louis\t0\t1\tCat\n"})
    unpacked(tmp_path / "a", {"e\u0301te\u0301.flac": "", "St.Louis.wav": "", "St.wav": ""})
    found = read_desed(tmp_path / "v.tsv", tmp_path / "a")
    assert [path.name for path in found] == ["e\u0301te\u0301.flac", "St.Louis.wav"]


def test_clotho(tmp_path: Path) -> None:
    rows = 'file_name,caption_1,caption_2\nRain a.wav,"Rain, falling.",It rains.\ngone.wav,x,y\nRain a.wav,nan,\n'
    unpacked(tmp_path, {"clotho_captions_evaluation.csv": rows, "evaluation/Rain a.flac": ""})
    table = tmp_path / "clotho_captions_evaluation.csv"
    found = read_clotho(table, tmp_path / "evaluation")
    assert found == [(tmp_path / "evaluation" / "Rain a.flac", ("Rain, falling.", "It rains."))]
    with pytest.raises(InputError, match="none of the sounds"):
        read_clotho(table, tmp_path)
    table.write_text("name\nx\n")
    with pytest.raises(InputError, match="file_name"):
        read_clotho(table, tmp_path)
