"""Words, licences and credits of sound files."""

from pathlib import Path

import pytest

from storysound.library.origin import Rights, RightsFinder, described, name_words, recognise
from storysound.library.walk import FoundFile
from storysound.story import Sound


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("CC BY 4.0", ("CC-BY-4.0",)),
        ("This work is CC-BY-SA 3.0", ("CC-BY-SA-3.0",)),
        ("CC-BY-NC", ("CC-BY-NC",)),
        ("http://creativecommons.org/licenses/by-nc-nd/2.5/", ("CC-BY-NC-ND-2.5",)),
        ("CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/", ("CC-BY-SA-3.0",)),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International", ("CC-BY-NC-SA-4.0",)),
        ("Creative Commons Attribution 3.0 Unported", ("CC-BY-3.0",)),
        ("https://creativecommons.org/publicdomain/zero/1.0/", ("CC0-1.0",)),
        ("released as CC0", ("CC0-1.0",)),
        ("This is in the public domain.", ("public domain",)),
        ("MIT License\n\nPermission is hereby granted, free of charge, to any person", ("MIT",)),
        ("Apache License\n  Version 2.0, January 2004", ("Apache-2.0",)),
        ("GNU GENERAL PUBLIC LICENSE\n   Version 2, June 1991\n use the GNU Lesser GPL", ("GPL-2.0",)),
        ("GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", ("GPL-3.0",)),
        ("(c) 2020 Jane. All rights reserved.", ("all rights reserved",)),
        ("Copyright 2020 Jane. All rights reserved. Used under CC BY 4.0", ("CC-BY-4.0",)),
        ("rain.wav is CC0, wind.wav is CC BY 3.0", ("CC-BY-3.0", "CC0-1.0")),
        ("do whatever permits", ()),
        ("by 4.0 attribution", ()),
    ],
)
def test_licences_are_recognised(text: str, names: tuple[str, ...]) -> None:
    assert recognise(text) == names


def test_words_of_names() -> None:
    assert name_words("SFX/BigDoor_creak (old) 03.v2.wav") == ("sfx", "big", "door", "creak", "old")
    assert name_words("1-137-A-32.ogg") == ()
    assert name_words("Straße/ÉclairNoir.flac") == ("straße", "éclair", "noir")
    assert name_words("e\u0301te\u0301/बारिश-เสียงฝน.wav") == ("été", "बारिश", "เสียงฝน")
    assert name_words("雨/St.Louis") == ("雨", "st", "louis")


def rights(root: Path, path: str) -> Rights:
    return RightsFinder().of(FoundFile(str(root), path, 1, 1))


def test_nearest_licence_counts_and_none_above_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (tmp_path / "LICENSE").write_text("MIT License")
    assert rights(root, "x.wav") == Rights()
    (root / "LICENCE.txt").write_text("\n# Licence\n\nCC BY 3.0\nCopyright (c) 2019 Jane Doe\n")
    (root / "CREDITS.md").write_text("# Credits\nall by Jane")
    found = rights(root, "a/b/x.wav")
    assert (found.licence, found.credit) == ("CC-BY-3.0", "Copyright (c) 2019 Jane Doe")
    (root / "a" / "COPYING").write_text(
        "GNU GENERAL PUBLIC LICENSE\nVersion 2\nCopyright (C) 1989 Free Software Foundation"
    )
    near = rights(root, "a/b/x.wav")
    assert (near.licence, near.credit) == ("GPL-2.0", "")
    assert rights(root, "x.wav").licence == "CC-BY-3.0"
    assert near.sha256 != found.sha256


def test_unknown_and_mixed_licences_point_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "license.txt").write_text("=====\n\n*** Sounds of the House, terms of use ***\n")
    assert rights(tmp_path, "x.wav").licence == "license.txt: Sounds of the House, terms of use"
    (tmp_path / "license.txt").write_text("rain: CC0. wind: CC BY 4.0")
    assert rights(tmp_path, "x.wav").licence == "see license.txt (CC-BY-4.0, CC0-1.0)"
    (tmp_path / "license.txt").unlink()
    (tmp_path / "Credits.txt").write_text("thanks to everybody")
    assert rights(tmp_path, "x.wav") == Rights("", "see Credits.txt", rights(tmp_path, "x.wav").sha256)
    (tmp_path / "Credits.txt").unlink()
    (tmp_path / "copyright").write_text("License: public domain")
    assert rights(tmp_path, "x.wav").licence == "public domain"
    (tmp_path / "copyright").unlink()
    (tmp_path / "license.wav").write_text("MIT License")
    assert rights(tmp_path, "x.wav") == Rights()


def test_tags_come_before_files() -> None:
    heard = Sound("", "", 3.0, "music")
    target = FoundFile("/lib", "Piano Works/quietDawn.mp3", 1, 1)
    tags = {
        "title": "Dawn",
        "artist": "Jane",
        "genre": "Ambient; Piano",
        "mood": "calm",
        "comment": "Licensed under http://creativecommons.org/licenses/by/3.0/ see https://jane.example/dawn",
        "encoder": "Lavf58",
    }
    sound = described(heard, target, tags, Rights("MIT", "Someone", "00"), "aa")
    assert (sound.path, sound.root, sound.title) == ("Piano Works/quietDawn.mp3", "/lib", "Dawn")
    assert sound.tags[:4] == ("Ambient", "Piano", "calm", "Jane")
    assert sound.tags[5:] == ("piano", "works", "quiet", "dawn")
    assert sound.source.licence == "CC-BY-3.0"
    assert (sound.source.credit, sound.source.uri) == ("Jane", "https://jane.example/dawn")
    assert sound.source.sha256 == "aa"


def test_files_speak_where_tags_are_silent() -> None:
    sound = described(
        Sound("", "", 3.0, "sfx"), FoundFile("/lib", "a/b 1.wav", 1, 1), {}, Rights("MIT", "Bob", "00"), "aa"
    )
    assert (sound.title, sound.tags) == ("b 1", ())
    assert (sound.source.uri, sound.source.licence, sound.source.credit) == ("/lib/a/b 1.wav", "MIT", "Bob")


def test_a_title_out_of_a_name_keeps_what_follows_a_dot() -> None:
    for path, title in (("a/St.Louis.wav", "St.Louis"), ("a/St.Louis", "St.Louis"), ("rain.v2.FLAC", "rain.v2")):
        target = FoundFile("/l", path, 1, 1)
        assert described(Sound("", "", 1.0, "sfx"), target, {}, Rights(), "").title == title


def test_copyright_tag_is_a_licence_or_a_credit() -> None:
    def of(text: str) -> tuple[str, str]:
        source = described(
            Sound("", "", 1.0, "sfx"), FoundFile("/l", "x.wav", 1, 1), {"copyright": text}, Rights(), ""
        ).source
        return source.licence, source.credit

    assert of("CC BY-NC 3.0") == ("CC-BY-NC-3.0", "")
    assert of("2021 Jane Doe") == ("", "2021 Jane Doe")
