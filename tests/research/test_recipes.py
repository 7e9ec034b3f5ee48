"""The tables of trainings, evaluations and builders: typed, cheap to read, and needing no more than they use."""

import subprocess
import sys
from dataclasses import is_dataclass

import pytest

from storysound.errors import UsageError
from storysound.research import recipes
from storysound.research.pages import PAPERS

TABLES = (recipes.TRAININGS, recipes.EVALUATIONS, recipes.BUILDERS)


def python(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_are_listed_without_torch() -> None:
    python(
        "import sys\n"
        "from storysound.research import recipes\n"
        "for table in (recipes.TRAININGS, recipes.EVALUATIONS, recipes.BUILDERS):\n"
        "    for entry in table:\n"
        "        assert recipes.shown(entry.recipe)\n"
        "assert not {'torch', 'lightning_fabric'} & sys.modules.keys()\n"
    )


def test_no_evaluation_loads_what_only_trainings_need() -> None:
    python(
        "import sys\n"
        "sys.modules['lightning_fabric'] = sys.modules['tensorboard'] = None\n"
        "from storysound.research import recipes\n"
        "for entry in recipes.EVALUATIONS:\n"
        "    try:\n"
        "        entry.run(None, None, None)\n"
        "    except AttributeError:\n"
        "        continue\n"  # it was loaded, and found no settings
        "    raise AssertionError(entry.name)\n"
    )


@pytest.mark.parametrize("table", TABLES)
def test_names_are_told_apart_and_listed(table: tuple[recipes.Training[recipes.FolderSettings], ...]) -> None:
    names = [entry.name for entry in table]
    assert names == sorted(set(names))
    assert all(is_dataclass(entry.recipe) for entry in table)
    assert [recipes.of_name(table, name).name for name in names] == names
    with pytest.raises(UsageError, match=f"there are .*{names[-1]}"):
        recipes.of_name(table, "nose")


@pytest.mark.parametrize("entry", recipes.EVALUATIONS, ids=lambda entry: entry.name)
def test_what_a_paper_published_is_shown(entry: recipes.Evaluation[object]) -> None:
    layout = entry.layout
    published = [row for row in PAPERS[layout.paper].published if row.table in layout.tables]
    assert bool(published) == bool(layout.tables)
    assert {row.task for row in published} <= {*layout.tasks, "any"}
    assert {key for row in published for key in row.figures} & {
        column.key for column in layout.columns
    } or not published


def test_what_is_missing_is_told_apart_from_what_is_wrong() -> None:
    kind = recipes.of_name(recipes.TRAININGS, "sos").recipe
    with pytest.raises(recipes.MissingSettingsError, match=r"give data=… out=…$"):
        recipes.settings(kind, ["steps=2"])
    with pytest.raises(UsageError, match="steps: needs int"):
        recipes.settings(kind, ["steps=many"])
    with pytest.raises(UsageError, match="steps and evaluate_every >= 1"):
        recipes.settings(kind, ["data=x", "out=y", "steps=0"])


@pytest.mark.parametrize("name", ["bgtai_ablation", "mac_ablation"])
def test_comparisons_offer_no_devices(name: str) -> None:
    """They train on one."""
    keys = dict(recipes.shown(recipes.of_name(recipes.EVALUATIONS, name).recipe))
    assert "devices" not in keys
    assert "evaluate_every" in keys
