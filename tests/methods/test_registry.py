"""Finding papers, folders elsewhere, arms as text, options as text."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import methods
import methods.arms
import methods.cards.schema
import methods.errors
from methods.cards.schema import convert

ROOT = Path(methods.__file__).parent.parent


def test_listing_papers_and_parsing_arms_needs_no_torch() -> None:
    code = (
        "import sys, methods\n"
        "assert {'baseline', 'gltr'} <= set(methods.papers())\n"
        "assert methods.arm('gltr[tsa=off]').settings()['tsa'] is False\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", [methods.errors, methods.cards.schema, methods.arms])
def test_examples_in_docstrings(module: object) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed


def test_unknown_papers_and_arms_have_near_matches() -> None:
    with pytest.raises(methods.MethodError, match=r"unknown paper 'gltrr': did you mean 'gltr'"):
        methods.create("gltrr", 5)
    with pytest.raises(methods.MethodError, match=r"unknown arm 'trinit': did you mean 'trinet'"):
        methods.arm("trinit")
    with pytest.raises(methods.MethodError, match=r"unknown arm of gltr 'dpt': did you mean 'dtp'"):
        methods.arm("gltr/dpt")
    with pytest.raises(methods.MethodError, match=r"unknown reading 'relesed': did you mean 'released'"):
        methods.create("gltr", 5, reading="relesed")
    for num_ids in (0, -3, 2.5, True):
        with pytest.raises(methods.MethodError, match="num_ids"):
            methods.create("gltr", num_ids)


@pytest.mark.parametrize(
    ("text", "canonical", "options"),
    [
        ("gltr", "gltr", {}),
        (" gltr[ tsa = off , branches=2 ] ", "gltr[branches=2,tsa=off]", {"tsa": False, "branches": 2}),
        ("gltr[tsa=on]", "gltr", {}),
        ("dtp", "dtp", {"tsa": False}),
        ("dtp[tsa=on]", "dtp[tsa=on]", {"tsa": True}),
        ("gltr[dilations=1-3-5]", "gltr[dilations=1-3-5]", {"dilations": (1, 3, 5)}),
        ("gltr[dilations=(1,3,5)]", "gltr[dilations=1-3-5]", {"dilations": (1, 3, 5)}),
        ("gltr[reading=released]", "gltr[reading=released]", {}),
        ("gltr[reading=released,alpha=4]", "gltr[reading=released,alpha=4]", {"alpha": 4}),
        ("baseline/jg-tp[margin=soft]", "jg-tp[margin=soft]", {"label_smoothing": 0.1, "margin": "soft"}),
        ("trinet[margin=0.3]", "trinet[margin=0.3]", {"embed": 128, "hidden": 1024, "margin": 0.3}),
    ],
)
def test_arm_texts(text: str, canonical: str, options: dict[str, object]) -> None:
    arm = methods.arm(text)
    assert arm.text == canonical
    assert arm.options == options
    again = methods.arm(f"{arm.paper}/{arm.text}")
    assert again == arm


def test_one_name_in_two_papers() -> None:
    assert methods.arm("baseline").settings()["embed"] == 0
    assert methods.arm("baseline", "gltr").settings()["embed"] == 128
    arm = methods.arm("gltr/baseline")
    assert (arm.paper, arm.method, arm.recipe) == ("gltr", "baseline", "baseline")


def test_the_reading_picks_the_recipe() -> None:
    assert methods.arm("gltr").recipe == "paper"
    assert methods.arm("gltr[reading=released]").recipe == "released"
    assert methods.arm("gltr/gltr-released").recipe == "released"
    assert methods.arm("gltr/gltr-e2e").recipe == "e2e"
    assert methods.arm("gltr[reading=released]").settings() == methods.arm("gltr-released").settings()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gltr[tsa]", "'tsa' is no option; write key=value"),
        ("gltr[tsa=]", "is no option"),
        ("gltr[tsa=off,tsa=on]", "given twice"),
        ("gltr[tsa=off", "is no arm"),
        ("", "is no arm"),
        ("gltr[branchs=2]", "unknown option 'branchs': did you mean 'branches'"),
        ("gltr[branches=two]", "branches = 'two' is not accepted: expected a whole number"),
        ("gltr[branches=9]", r"not in 1 \.\. 5"),
        ("gltr[reading=code]", "unknown reading 'code'"),
    ],
)
def test_bad_arm_texts_are_named(text: str, message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        methods.arm(text)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("ON", bool, True),
        ("false", bool, False),
        ("7", int, 7),
        ("-1e-3", float, -0.001),
        (3, float, 3.0),
        ("1-2-4", tuple[int, ...], (1, 2, 4)),
        ([1, 2], tuple[int, ...], (1, 2)),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ("soft", float | str, "soft"),
    ],
)
def test_values_are_read_by_type(value: object, kind: object, expected: object) -> None:
    found = convert(value, kind, "here")
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, bool),
        (True, int),
        (1.5, int),
        ("x", float),
        ("inf", float),
        (3, str),
        ("a", tuple[int, ...]),
        (1, dict[str, int]),
    ],
)
def test_values_of_another_type_are_refused(value: object, kind: object) -> None:
    with pytest.raises(methods.MethodError, match="here"):
        convert(value, kind, "here")


def test_a_folder_elsewhere_is_a_paper(folder: Path) -> None:
    assert methods.paper(folder) == methods.paper(str(folder))
    assert "tiny" not in methods.papers()
    network = methods.create(folder, 5, reading="released", bias="off")
    assert network.descriptor_dim == 6
    assert network.frames.bias is None  # made in parts.py, which model.py imports relatively
    arm = methods.arm("wide[bias=off]", folder)
    assert (arm.text, arm.paper, arm.options) == ("wide[bias=off]", "tiny", {"width": 8, "bias": False})
    assert arm.build(5)(torch.zeros(2, 3, 3, 8, 8), torch.ones(2, 3, dtype=torch.bool)).shape == (2, 8)
    assert methods.arm(f"{folder}/tiny").options == {"width": 4}
    assert methods.arm("baseline", methods.paper(folder)).settings()["depth"] == 18


def test_two_folders_of_one_name_do_not_mix(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / folder.name
    other.mkdir(parents=True)
    for file in folder.glob("*.*"):
        (other / file.name).write_text(file.read_text().replace("width: int = 2", "width: int = 3"))
    (other / "__init__.py").write_text('"""With a package file."""\n')
    assert methods.create(folder, 5).descriptor_dim == 2
    assert methods.create(other, 5).descriptor_dim == 3


@pytest.mark.parametrize(
    ("file", "good", "bad", "message"),
    [
        ("options.py", "class Options", "class Option", "expected a frozen dataclass named Options"),
        ("options.py", "frozen=True", "frozen=False", "expected a frozen dataclass"),
        ("options.py", '"paper": {}, ', "", "expected READINGS"),
        ("options.py", 'LOSSES = ("cross_entropy",)', "LOSSES = ()", "expected LOSSES"),
        ("options.py", "from dataclasses", "form dataclasses", r"options\.py cannot be imported: SyntaxError"),
        ("model.py", "from .parts", "from .part", r"model\.py cannot be imported: ModuleNotFoundError"),
        ("model.py", "def build", "def make", r"expected a function build\(num_ids, options, frame_size\)"),
        ("model.py", "def losses", "def lose", "returned no Method"),
    ],
)
def test_faults_in_a_folder_are_named(folder: Path, file: str, good: str, bad: str, message: str) -> None:
    path = folder / file
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad))
    with pytest.raises(methods.MethodError, match=message):
        methods.create(folder, 5)


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "model.py").unlink()
    with pytest.raises(methods.MethodError, match=r"model\.py: no such file"):
        methods.create(folder, 5)
    with pytest.raises(methods.MethodError, match=r"paper\.toml: no such file"):
        methods.paper(tmp_path)
