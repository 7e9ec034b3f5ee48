"""Records to JSON and back, whatever is in them; what is wrong is named by its field."""

import dataclasses
import json
import math
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import storysound
from storysound.app import wire
from storysound.errors import UsageError
from storysound.story import Mood

SCORED = {"ScoreResult", "PlanResult", "RenderResult", "EditResult"}  # a score has a form of its own: its sheet
RECORDS = sorted(name for name in storysound.__all__ if name.endswith(("Request", "Result")) and name not in SCORED)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type that have a JSON form."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Mood:
        return st.builds(Mood, st.floats(0, 1), st.floats(0, 1))
    if hint is storysound.Query:
        paths = st.sampled_from([Path("a.mp4"), Path("/b c/ü.wav")])
        images, moods = st.lists(paths, max_size=2).map(tuple), st.none() | values_of(Mood)
        return st.builds(storysound.Query, st.text(), st.just("rain"), images, st.none() | paths, st.none(), moods)
    if dataclasses.is_dataclass(hint):
        return records_of(hint)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        if type(None) in inner and float in inner:  # null is none of it there, so it can't be an infinity too
            return st.none() | st.floats(allow_nan=False, allow_infinity=False)
        kinds = [kind for kind in inner if kind in (type(None), str, Path, Mood, int, float) or get_origin(kind)]
        return st.one_of(*map(values_of, [kind for kind in kinds if not (kind is str and Path in inner)]))
    if origin is tuple:
        if inner[-1] is ...:
            return st.lists(values_of(inner[0]), max_size=3).map(tuple)
        return st.tuples(*map(values_of, inner))
    if origin is Mapping:
        return st.dictionaries(values_of(inner[0]), values_of(inner[1]), max_size=3)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: st.text(max_size=20), bool: st.booleans(), int: st.integers(-9, 99), type(None): st.none(),
        float: st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 1) | st.just(-math.inf),
        Path: st.sampled_from([Path("a.mp4"), Path("/b c/ü.wav"), Path("out.svg"), Path("p.png")]),
        Any: st.integers(),
    }  # fmt: skip
    return plain[hint]


def records_of(kind: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    made = {field.name: values_of(hints[field.name]) for field in dataclasses.fields(kind) if field.init}

    def make(given: dict[str, Any]) -> Any:
        try:
            return kind(**given)
        except (UsageError, ValueError):
            return _usual(kind)

    return st.fixed_dictionaries(made).map(make)


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_comes_back_as_it_was(name: str) -> None:
    kind = getattr(storysound, name)
    usual = _usual(kind)

    @settings(max_examples=25, deadline=None)
    @given(st.data())
    def back(data: st.DataObject) -> None:
        hints = get_type_hints(kind)
        record = usual
        for field in dataclasses.fields(kind):
            value = data.draw(values_of(hints[field.name]))
            try:
                record = dataclasses.replace(record, **{field.name: value})
            except (UsageError, ValueError):
                continue
        text = json.dumps(wire.write(record), allow_nan=False)
        assert wire.read(kind, json.loads(text)) == record

    back()


def _usual(kind: Any) -> Any:
    """A record that makes sense, to change field by field."""
    usual: dict[str, Any] = {
        "Query": {"text": "rain"},
        "GenerateMusicRequest": {"text": "rain", "prompt_only": True},
        "GenerateSoundRequest": {"text": "rain", "out": Path("a.wav")},
        "GenerateImageRequest": {"audio": Path("a.wav"), "out": Path("b.png")},
        "GenerateVideoRequest": {"text": "rain", "out": Path("a.mp4")},
        "ComposeRequest": {"scenes": Path("s.json"), "midi": Path("a.mid")},
        "EditRequest": {"action": "undo"},
        "FitRequest": {"source": Path("a.wav"), "out": Path("b.wav"), "length_s": 30.0},
        "GenerateAmbienceRequest": {"text": "rain", "library": Path("l"), "out": Path("a.wav")},
        "SpectrogramRequest": {"source": Path("a.wav"), "out": Path("b.png")},
        "SplitSpeechRequest": {"source": Path("a.wav"), "background": Path("b.wav")},
    }.get(kind.__name__, {})
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if needed and field.name not in usual:
            usual[field.name] = _least(hints[field.name])
    return kind(**usual)


def _least(hint: Any) -> Any:
    """A plain value of a type."""
    if dataclasses.is_dataclass(hint):
        return _usual(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return _least(inner[0])
    if origin is tuple:
        return (_least(inner[0]),) if inner[-1] is ... else tuple(map(_least, inner))
    if origin is Mapping:
        return {_least(inner[0]): _least(inner[1])}
    return {str: "a", Path: Path("a.mp4"), int: 1, float: 0.5, bool: False, Mood: Mood(0.5, 0.5)}[hint]


@pytest.mark.parametrize("given", ["0.8,0.3", " 0.8 , 0.3 ", [0.8, 0.3], {"valence": 0.8, "arousal": 0.3}])
def test_a_mood_in_each_of_its_forms(given: Any) -> None:
    assert wire.read_mood(given) == Mood(0.8, 0.3)
    assert wire.write(Mood(0.8, 0.3)) == [0.8, 0.3]


@pytest.mark.parametrize(
    ("name", "given", "field", "fault"),
    [
        ("GenerateMusicRequest", {"mood": [2, 0]}, "mood.valence", r"must lie in \[0, 1\], got 2"),
        ("GenerateMusicRequest", {"mood": [0, float("nan")]}, "mood.arousal", "must lie in"),
        ("GenerateMusicRequest", {"mood": 5}, "mood", r"\[valence, arousal\]"),
        ("GenerateMusicRequest", {"text": 5}, "text", "must be a string, got 5"),
        ("GenerateMusicRequest", {"text": "a", "seed": 1.5}, "seed", "must be a whole number"),
        ("GenerateMusicRequest", {"text": "a", "prompt_only": 1}, "prompt_only", "true or false"),
        ("GenerateMusicRequest", {"text": "a", "colour": "red"}, "colour", "is unknown: the fields are images"),
        ("GenerateMusicRequest", {"images": ["a", 5]}, "images.1", "must be a path"),
        (
            "GenerateImageRequest",
            {"audio": "a", "out": "b.png", "mix": [{"path": "c", "share": 2}]},
            "mix.0.share",
            "0",
        ),
        ("SummarizeRequest", {"video": "a.mp4"}, "out", "must be given"),
        ("SummarizeRequest", {"video": "a.mp4", "out": "b.mp4", "by": "smell"}, "by", "must be image, music"),
        ("SummarizeRequest", {"video": "a.mp4", "out": "b.mp4", "share": 2.0}, "share", "between 0 and 1"),
        ("ListenRequest", [], "", "must be an object"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(name: str, given: Any, field: str, fault: str) -> None:
    with pytest.raises(UsageError, match=fault) as raised:
        wire.read(getattr(storysound, name), given)
    assert raised.value.field == field
    assert str(raised.value).startswith(field)


def test_arrays_have_no_json_form() -> None:
    with pytest.raises(UsageError, match="no JSON form") as raised:
        wire.write(storysound.Query(text="a", images=(np.zeros((2, 2, 3), np.uint8),)))
    assert raised.value.field.startswith("images")
