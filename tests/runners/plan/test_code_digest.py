"""Whatever code decides a step is in its fingerprint, and nothing else is."""

import ast
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

import datasets
import methods
import protocols
from datasets.synthwalk.renderer.numba_cache import KERNELS
from protocols.vocabulary import UNTRAINED_CONTROLS
from runners.errors import RunError
from runners.ground_truth.masks import explain_step
from runners.plan import code_digest as sources
from runners.plan.code_digest import BY_FINGERPRINT, DECIDES_NOTHING, KINDS, Kind, closure, code_digest, digest_of
from runners.plan.import_closure import HOUSE, Sources
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun, PlannedData
from runners.plan.result_steps import examine_step, score_step
from tests.runners.job_config import config

HOUSES = Sources.of()
MODULES = {kind: set(closure(kind, HOUSES)) for kind in KINDS}
THEN = {kind: digest_of(kind, closure(kind, HOUSES)) for kind in KINDS}
GLTR = HOUSE / "methods" / "gltr"


def _changed(text: str) -> str:
    """The same program with one constant changed, or with one more where it has none."""
    tree = ast.parse(text)
    words = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings stand alone
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in words]
    found = [node for node in constants if isinstance(node.value, str | int | float)]
    if not found:
        return text + "\nONE_MORE = 1\n"
    node = found[len(found) // 2]
    node.value = f"{node.value}x" if isinstance(node.value, str) else int(not node.value)
    return ast.unparse(tree)


def _edited(**texts: str) -> Sources:
    """The suite's sources with other texts in some modules (``protocols__masks``)."""
    others = {HOUSES.file(name.replace("__", ".")): text.encode() for name, text in texts.items()}
    known = {name: each for name, each in HOUSES._sources.items() if HOUSES.file(name) not in others}
    return Sources(HOUSES.packages, lambda path: others.get(path) or path.read_bytes(), HOUSES._files, known)


def _with_a_change_in(name: str) -> Sources:
    file = HOUSES.file(name)
    assert file is not None, name
    return _edited(**{name.replace(".", "__"): _changed(file.read_text() if file.is_file() else "")})


def _digests(house: Sources) -> dict[str, str]:
    return {kind: digest_of(kind, closure(kind, house)) for kind in KINDS}


def _changed_kinds(name: str) -> set[str]:
    now = _digests(_with_a_change_in(name))
    return {kind for kind in KINDS if now[kind] != THEN[kind]}


def test_one_constant_in_any_module_of_a_closure_is_another_fingerprint_of_that_kind_alone() -> None:
    for name in sorted(set().union(*MODULES.values())):
        assert _changed_kinds(name) == {kind for kind in KINDS if name in MODULES[kind]}, name


def test_what_is_left_out_changes_no_fingerprint_but_that_of_its_own_step() -> None:
    for name in DECIDES_NOTHING:
        assert _changed_kinds(name) == set(), name
    for name in BY_FINGERPRINT:
        own = {kind for kind, told in KINDS.items() if any(f"{each}.".startswith(f"{name}.") for each in told.entries)}
        assert _changed_kinds(name) == own, name


# Found by breaking the code and looking at results that were taken for new (first two), or for old (last).
MUST = {
    "methods.cards.recipe": {"stage", "judge"},
    "datasets.frames.subset": {"stage", "judge"},
    "datasets.frames.shared": {"stage", "features", "judge"},
    "datasets.images.decode": set(KINDS),
    "datasets.pack.read": {"frames", "features", "stage"},
    "methods.layers.per_frame_mlp": {"stage", "judge"},
    "runners.pipeline.data_versions": {"stage", "regions", "labels", "repaired", "judge"},
    "files.formats.safetensors": {"stage", "judge", "explain"},
    "datasets.images.resize": set(KINDS),
    "datasets.frames.original_size": {"stage", "judge"},
    "protocols.precision": {"stage", "features", "judge"},
    "protocols.ranking": {"judge"},
    "protocols.ranking.counting.numba_engine": {"judge"},
    "protocols.statistics": {"judge", "explain", "weigh", "restore"},
    "protocols.ground_truth.masks": {"explain"},
    "protocols.ground_truth.occlusion": {"judge", "restore"},
    "runners.ground_truth.hidden_shares": {"judge"},
    "datasets.synthwalk.truth": {"judge", "explain", "weigh", "restore"},
    "datasets.repaired.oracle": {"repaired"},
    "datasets.attributes.table": {"labels", "stage"},
}
MUST_NOT = {
    "protocols.cost.roofline": set(KINDS),  # rooflines
    "protocols.cost.grid": set(KINDS),
    "protocols.ranking": {"stage", "features", "explain", "weigh", "restore", "recognise"},
    "protocols.ground_truth.masks": {"stage", "judge"},
    "protocols.ground_truth.restoration": {"stage", "judge", "explain"},
    "protocols.cost.latency": {"stage", "features", "explain"},
    "datasets.synthwalk.renderer.rasteriser": set(KINDS),
    "datasets.repaired.oracle": {"stage", "judge", "explain"},
    "runners.ground_truth.masks": set(KINDS) - {"explain"},
    "runners.reproduce": set(KINDS),
    "methods.gltr.model": set(KINDS),  # no arm was named
    "datasets.readers.mars.reader": set(KINDS),
}


def test_a_constant_of_an_oracle_is_another_result_of_that_oracle_alone() -> None:
    painted = {"painted", "true-masks", "true-masks-and-things"}
    for name, old, new, kinds in (
        ("true_visibility", "POWER = 16", "POWER = 8", {"true-visibility"}),
        ("true_gait", "WEIGHT = 0.2", "WEIGHT = 0.1", {"true-gait"}),
        ("visible_masks", "(truth.occluders == 0)", "True", {"masked", "true-mask-pooling", *painted}),
        ("painted_frames", "] = 1.0", "] = 0.5", painted),
    ):
        text = (HOUSE / f"runners/oracles/{name}.py").read_text()
        assert old in text
        now = _digests(_edited(**{f"runners__oracles__{name}": text.replace(old, new)}))
        assert {kind for kind in KINDS if now[kind] != THEN[kind]} == kinds, name


def test_an_arm_and_its_oracles_are_different_results_of_one_training() -> None:
    told, protocol = config("gltr"), protocols.load("rgb-single-pass").as_dict()
    found, weights = set(), set()
    for control in (None, *UNTRAINED_CONTROLS):
        run = ArmRun(methods.arm("baseline", "gltr"), control)
        last = plan_stages(run, 0, told)[-1]
        step = score_step(run, last, PlannedData("raw", "0" * 32), protocol, told)
        weights.add(last.step.fingerprint)
        found.add(step.fingerprint)
        assert ("rule" in step.inputs) == (control is not None)
    assert len(found) == 1 + len(UNTRAINED_CONTROLS) and len(weights) == 1


def test_code_that_decides_is_there_and_code_that_does_not_is_not() -> None:
    for name, kinds in MUST.items():
        assert kinds <= {kind for kind in KINDS if name in MODULES[kind]}, name
    for name, kinds in MUST_NOT.items():
        assert HOUSES.file(name), name
        assert not kinds & {kind for kind in KINDS if name in MODULES[kind]}, name
    assert not [name for names in MODULES.values() for name in names if name.startswith("reports")]


def test_nothing_is_imported_by_a_name_that_only_shows_when_it_runs_unless_the_step_names_it() -> None:
    """Readers, methods and protocols: `code_digest` takes them as arguments."""
    names = set().union(*MODULES.values())
    assert {name for name in names if HOUSES.source(name).dynamic} <= {"datasets", "methods.registry", "protocols"}
    finders = {"pkgutil", "runpy", "importlib.machinery"}
    assert {name for name in names if finders & set(HOUSES.source(name).imports)} <= {"methods.registry"}


def test_machine_code_that_is_kept_is_found_by_all_that_it_was_made_of() -> None:
    """numba looks at a kernel's own file alone, so kernels that use others are kept under a digest of all of them."""
    renderer = "datasets.synthwalk.renderer"
    kernels = 0
    for file in sorted((HOUSE / "datasets" / "synthwalk" / "renderer").glob("*.py")):
        used = HOUSES.source(f"{renderer}.{file.stem}").imports if file.stem != "__init__" else ()
        if f"{renderer}.numba_cache.compiled" in used:
            kernels += 1
            inner = {HOUSES.module(name) for name in used if name.startswith(f"{renderer}.")}
            names = {str(name).rpartition(".")[2] for name in inner} - {"renderer"}
            assert {file.name, *(f"{name}.py" for name in names)} <= set(KERNELS)
    assert kernels == 3
    for name in ("datasets.images.normalise_numba", "protocols.ranking.counting.numba_engine"):
        imported = HOUSES.source(name).imports
        assert "files.numba_cache.compiled" in imported
        others = {HOUSES.module(each) for each in imported} - {None, "files.numba_cache"}
        assert others <= {"protocols.ranking.gallery", "protocols.arrays", "files.cores"}  # types, and what runs before


def test_an_arm_counts_with_all_that_its_network_imports_and_other_papers_do_not() -> None:
    found = set(closure("stage", HOUSES, arm=GLTR)) - MODULES["stage"]
    assert found == {"methods.gltr", "methods.gltr.model", "methods.gltr.options", *found}
    assert {name for name in found if name.startswith("methods.")} >= {"methods.layers.head", "methods.layers.losses"}
    assert not [name for name in found if name.startswith(("methods.vrstc", "methods.adfd", "methods.cosam"))]
    with_change = partial(closure, "stage", _with_a_change_in("methods.gltr.model"))
    assert digest_of("stage", with_change(arm=GLTR)) != code_digest("stage", arm=GLTR)
    other = GLTR.parent / "cosam"
    assert digest_of("stage", with_change(arm=other)) == code_digest("stage", arm=other)


@pytest.mark.parametrize(
    ("kind", "name", "other"),
    [
        ("stage", datasets.reader_of("mars"), datasets.reader_of("duke")),
        ("judge", datasets.reader_of("synthwalk-ilids"), datasets.reader_of("prid")),
        ("judge", protocols.module_of("rgb-snippets"), protocols.module_of("image-to-video")),
    ],
)
def test_what_a_step_names_counts(kind: str, name: str, other: str) -> None:
    house = _with_a_change_in(name)
    assert digest_of(kind, closure(kind, house, modules=[name])) != code_digest(kind, modules=[name])
    assert digest_of(kind, closure(kind, house, modules=[other])) == code_digest(kind, modules=[other])


def test_two_modules_that_change_places_are_other_code() -> None:
    ours, theirs = (HOUSES.file(name).read_text() for name in ("methods.layers.pooling", "methods.layers.packing"))
    assert _digests(_edited(methods__layers__pooling=theirs, methods__layers__packing=ours)) != THEN


def test_comments_docstrings_and_layout_are_no_code() -> None:
    text = (HOUSE / "runners" / "training" / "loop.py").read_text()
    assert _digests(_edited(runners__training__loop=f"# {text!r}\n" + ast.unparse(ast.parse(text)))) == THEN


def test_a_version_counts_where_no_import_shows_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources.KINDS, "judge", Kind(KINDS["judge"].entries, version=2))
    now = _digests(HOUSES)
    assert {kind for kind in KINDS if now[kind] != THEN[kind]} == {"judge"}


def _paper(folder: Path, model: str = "from methods.layers import pooling\nfrom .part import WIDTH\n") -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in {"model": model, "options": "LOSSES = ()\n", "part": "WIDTH = 8\n", "unused": "X = 1\n"}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_a_paper_outside_the_repository_counts_with_what_it_imports(tmp_path: Path) -> None:
    folder = _paper(tmp_path / "my-paper.v2")

    def digest() -> str:
        return digest_of("stage", closure("stage", Sources.of(), arm=folder))

    found = closure("stage", Sources.of(), arm=folder)
    assert {name.rpartition(".")[2] for name in found if name.startswith("outside_my_paper_v2.")} == {
        "model",
        "options",
        "part",
    }
    assert "methods.layers.pooling" in found
    plain = digest()
    (folder / "unused.py").write_text("X = 2\n")
    (folder / "part.py").write_text('"""Widths."""\n\nWIDTH = 8  # channels\n')
    assert digest() == plain
    (folder / "part.py").write_text("WIDTH = 9\n")
    assert digest() != plain
    (folder / "model.py").unlink()
    with pytest.raises(RunError, match=r"outside_my_paper_v2\.model: there is no such module"):
        digest()


def test_a_paper_outside_counts_with_its_authors_own_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tmp_path / "my_lab_of_networks"
    lab.mkdir()
    (lab / "__init__.py").write_text("")
    (lab / "heads.py").write_text("import my_lab_widths\nWIDTH = my_lab_widths.WIDTH\n")
    (lab / "unused.py").write_text("")
    (tmp_path / "my_lab_widths.py").write_text("WIDTH = 8\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = _paper(
        tmp_path / "mine", "import torch, numpy, json, absent\nfrom my_lab_of_networks.heads import WIDTH\n"
    )
    before = closure("stage", Sources.of(), arm=folder)
    theirs = {name for name in before if name.startswith("my_lab")}
    assert theirs == {"my_lab_of_networks", "my_lab_of_networks.heads", "my_lab_widths"}
    assert not [name for name in before if name.startswith(("torch", "numpy", "json"))]
    (tmp_path / "my_lab_widths.py").write_text("WIDTH = 9\n")
    assert digest_of("stage", closure("stage", Sources.of(), arm=folder)) != digest_of("stage", before)


def test_two_papers_outside_with_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one, other = _paper(tmp_path / "mine"), _paper(tmp_path / "elsewhere" / "mine", "WIDTH = 9\n")
    assert code_digest("stage", arm=one) != code_digest("stage", arm=other)


def test_an_unknown_kind_or_module_is_refused() -> None:
    with pytest.raises(RunError, match="no kind of step called 'trian'; known: frames, features, maps, stage"):
        code_digest("trian")
    with pytest.raises(RunError, match=r"datasets\.readers\.gone: there is no such module"):
        code_digest("stage", modules=["datasets.readers.gone"])


@pytest.fixture
def fingerprints(monkeypatch: pytest.MonkeyPatch) -> Iterator[partial[Mapping[str, str]]]:
    """Gives the fingerprints of steps where one text of the suite reads otherwise."""

    def under(name: str, old: str, new: str) -> Mapping[str, str]:
        file = HOUSES.file(name)
        assert file is not None
        text = file.read_text()
        assert text.count(old) >= 1
        house = _edited(**{name.replace(".", "__"): text.replace(old, new)})
        monkeypatch.setattr(sources, "_everything", lambda: house)
        sources._digest.cache_clear()
        arm, told = ArmRun(methods.arm("gltr", "gltr")), config("gltr")
        last = plan_stages(arm, 0, told)[-1]
        protocol = protocols.load("rgb-single-pass").as_dict()
        raw = PlannedData("raw", "0" * 32)
        return {
            "stage": last.step.fingerprint,
            "judge": score_step(arm, last, raw, protocol, told).fingerprint,
            "explain": explain_step(arm, last, told).fingerprint,
            "examine": examine_step(arm, (64, 32), protocol, told, {}).fingerprint,
        }

    yield partial(under)
    sources._digest.cache_clear()


@pytest.mark.parametrize(
    ("name", "old", "new", "kinds"),
    [
        ("methods.cards.recipe", "def source_of(", "def source_off(", {"stage", "judge", "explain", "examine"}),
        ("datasets.frames.subset", "keep", "kept", {"stage", "judge", "explain", "examine"}),
        ("protocols.ranking.top_k", '"nan"', '"inf"', {"judge"}),
        ("protocols.catalogue.rgb_single_pass", '"rgb", ', "", {"judge", "examine"}),  # who may enter
        ("protocols.cost.roofline", "0", "1", set()),
    ],
)
def test_steps_have_other_fingerprints(
    fingerprints: partial[Mapping[str, str]], name: str, old: str, new: str, kinds: set[str]
) -> None:
    then = fingerprints("runners.progress", "step_bar", "bar_of")  # decides nothing
    now = fingerprints(name, old, new)
    assert {kind for kind in now if now[kind] != then[kind]} == kinds
