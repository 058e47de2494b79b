"""The main job with attributes: annotated and transferred, recognised, sliced by, and frames weighed by them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import datasets
import methods
from datasets import attributes, synthwalk
from datasets.frames.decoded import FrameStore
from datasets.images.transforms import to_tensor
from protocols.vocabulary import UNTRAINED_CONTROLS
from runners import attributes as command
from runners.plan.controls import ON_REQUEST
from runners.reproduce import main
from tests.datasets.attributes import rap_folder
from tests.places import PAPERS
from tests.reports import fake

FOLDER = PAPERS / "brief_attributes"


@dataclass(frozen=True)
class Job:
    where: Path
    world: Path
    source: Path

    def line(self, *more: str) -> list[str]:
        where = self.where
        return [
            *("--paper", str(FOLDER), "--data-root", str(self.world), "--source", str(self.source)),
            *("--work", str(where / "runs"), "--out", str(where / "out"), "--device", "cpu"),
            *("--tracking-uri", fake.prepared(where), "--seeds", "1", *more),
        ]

    def steps(self, kind: str) -> list[Path]:
        return sorted((self.where / "runs/steps" / kind).iterdir())


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path) -> Job:
    where = tmp_path_factory.mktemp("attributes")
    world = synthwalk.preset("attribute-source", seed=7, train_ids=12, test_ids=8, distractors=1, junk=0)
    source = synthwalk.render(world, where / "source", progress=False)
    made = Job(where, tiny_world, source)
    assert main(made.line("--slice", "backpack", "top color")) == 0
    return made


def _network(job: Job, name: str, stage: Path, source: Path) -> torch.nn.Module:
    card = methods.paper(str(FOLDER))
    annotation = attributes.load(source)
    sizes = tuple(len(group.columns) for group in annotation.groups)
    network = methods.arm(name, card).with_groups(sizes).build(8, (64, 32))
    network.load_state_dict(load_file(stage / "weights.safetensors"))
    return network.eval()


def test_all_parts_are_recorded_and_shown(job: Job) -> None:
    page = (job.where / "out/index.html").read_text()
    for heading in ("What the arms recognise", "Labels transferred from other data", "Which frames count"):
        assert heading in page
    assert "Accuracy by backpack" in page and "Accuracy by top color" in page
    assert "style hall, seed 7" in page
    tables = {table["name"]: table for table in json.loads((job.where / "out/tables.json").read_text())}
    assert {"attributes", "labels", "frame_weights"} <= set(tables)
    results = [json.loads((step / "result.json").read_text()) for step in job.steps("judge")]
    told = {r["arm"]: r.get("labels") for r in results if r["control"] is None}
    assert told == {"a": None, "f": "annotated", "f-told": "label"}
    assert {r["control"] for r in results} == {None, "uniform", "colour", *UNTRAINED_CONTROLS} - {*ON_REQUEST}
    assert {r["of"] for r in results if r["control"] in UNTRAINED_CONTROLS} == {"a"}


def test_a_second_start_makes_nothing_new_and_says_the_same(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    before = {kind: job.steps(kind) for kind in ("stage", "judge", "labels", "weigh", "recognise")}
    ledger = (job.where / "out/ledger.json").read_bytes()
    assert main(job.line("--slice", "backpack", "top color")) == 0
    assert "0 results made now" in capsys.readouterr().err
    assert before == {kind: job.steps(kind) for kind in before}
    assert ledger == (job.where / "out/ledger.json").read_bytes()


def test_every_query_carries_its_attributes(job: Job) -> None:
    split = datasets.load("synthwalk", job.world)
    annotation = attributes.own(split)
    assert annotation is not None
    for step in job.steps("judge"):
        with np.load(step / "per_query.npz") as stored:
            codes = annotation.codes_of(split.query)
            for place, one in enumerate(annotation.attributes):
                assert np.array_equal(stored[f"attribute/{one.name}"], codes[:, place])


def test_labels_are_the_mean_over_a_persons_frames(job: Job) -> None:
    """Against the network run by hand on one person's frames."""
    split = datasets.load("synthwalk", job.world)
    (step,) = job.steps("labels")
    with np.load(step / "probabilities.npz") as stored:
        people, chances = stored["person"], stored["probability"]
    assert people.tolist() == sorted({t.person_id for t in split.train})
    network = _network(job, "label", _labeller(job), job.source)
    person = int(people[3])
    own = [t for t in split.train if t.person_id == person]
    store = FrameStore.build(own, split.root, None, (64, 32), fingerprint="x", crop=1.125, progress=False)
    with torch.no_grad():
        clips = to_tensor(store.flat())[:, None]  # every frame as a clip of its own
        features = network.frame_features(clips[:, 0])[:, None]
        by_hand = network.attribute_probabilities(features, torch.ones(len(clips), 1, dtype=torch.bool)).mean(0)
    np.testing.assert_allclose(chances[3], by_hand.numpy(), rtol=1e-4, atol=1e-5)
    annotation = attributes.load(step / "attributes.csv")
    told = annotation.people_targets(people)
    names = [column.name for column in annotation.columns]
    source = [column for group in attributes.load(job.source).groups for column in group.columns]
    order = [source.index(name) for name in names]
    assert np.array_equal(told, (chances >= 0.5)[:, order].astype(np.float32))


def _labeller(job: Job) -> Path:
    found = [s for s in job.steps("stage") if load_file(s / "weights.safetensors")["embed.weight"].shape[0] == 16]
    assert len(found) == 1
    return found[0]


def test_recognised_attributes_are_those_of_whole_tracklets(job: Job) -> None:
    split = datasets.load("synthwalk", job.world)
    annotation = attributes.own(split)
    assert annotation is not None
    for step in job.steps("recognise"):
        record = json.loads((step / "attributes.json").read_text())
        if record is None:
            continue
        with np.load(step / "attributes.npz") as stored:
            keys, truth, chances = stored["key"], stored["truth"], stored["probability"]
        by_key = {t.key: t for t in split.test}
        expected = annotation.tracklet_targets([by_key[str(key)] for key in keys])
        columns = [column.name for column in annotation.columns]
        place = [columns.index(column["name"]) for column in record["columns"]]
        assert np.array_equal(truth, expected[:, place])
        assert ((chances > 0) & (chances < 1)).all()
        assert not any(key.startswith(("0000", "00-1")) for key in keys)


def test_weights_of_frames_are_recorded_for_who_weighs_and_named_by_group(job: Job) -> None:
    records = [json.loads((step / "weights.json").read_text()) for step in job.steps("weigh")]
    assert sum(record is None for record in records) == 1  # A takes a plain mean
    names = {one["name"] for record in records if record for one in record["maps"]}
    assert {"frames", "frames/upper body", "frames/attachments"} <= names
    assert not any(name.endswith("/1") for name in names)


def test_an_unknown_slice_ends_at_once_with_near_matches(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    before = job.steps("judge")
    assert main(job.line("--slice", "backpak")) == 2
    assert "backpack" in capsys.readouterr().err
    assert job.steps("judge") == before


@pytest.mark.slow
def test_a_table_of_ones_own(job: Job, tmp_path: Path) -> None:
    split = datasets.load("synthwalk", job.world)
    people = sorted({t.person_id for t in (*split.train, *split.test) if t.person_id > 0})
    file = tmp_path / "mine.csv"
    lines = ["person_id,upper body/bright,shoes/muddy"]
    lines += [f"{person},{row % 2},{row % 3 == 0:d}" for row, person in enumerate(people)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    other = Job(tmp_path, job.world, job.source)
    assert main(other.line("--attributes", str(file), "--arms", "f", "--controls", "none", "--slice", "muddy")) == 0
    page = (tmp_path / "out/index.html").read_text()
    assert "Accuracy by muddy" in page
    assert "no attribute of the group &#39;lower body&#39;" in page or "no attribute of the group 'lower body'" in page
    read = [json.loads((step / "attributes.json").read_text()) for step in other.steps("recognise")]
    columns = [(c["group"], c["name"]) for record in read if record for c in record["columns"]]
    assert columns == [("upper body", "bright"), ("shoes", "muddy")]


@pytest.mark.slow
def test_the_command_writes_what_the_job_learns_from(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "labels.csv"
    line = ["transfer", str(out), "--arm", str(FOLDER / "label"), "--source", str(job.source), "--json"]
    line += ["--data-root", str(job.world), "--work", str(job.where / "runs"), "--device", "cpu"]
    assert command.main(line) == 0
    made = json.loads(capsys.readouterr().out)
    (step,) = job.steps("labels")
    assert out.read_bytes() == (step / "attributes.csv").read_bytes()
    assert made["people"] == 8
    learning = Job(tmp_path, job.world, job.source).line("--attributes", str(out), "--arms", "f", "--controls", "none")
    assert main([*learning, "--slice", "backpack"]) == 0  # of test people it tells nothing
    said = capsys.readouterr()
    assert "tells nothing of test people" in said.err
    assert command.main(line) == 2  # it exists
    assert "exists already" in capsys.readouterr().err
    line[1], line[3] = str(tmp_path / "other.csv"), str(FOLDER / "f")
    assert command.main(line) == 2
    assert "does not label" in capsys.readouterr().err


def test_rap_teaches_a_labeller(job: Job, tmp_path: Path) -> None:
    """From RAP's layout to a file that names RAP's attributes of SynthWalk's people."""
    source = rap_folder.write(tmp_path / "rap")
    out = tmp_path / "labels.csv"
    line = ["transfer", str(out), "--arm", str(FOLDER / "label"), "--source", str(source)]
    line += ["--data-root", str(job.world), "--work", str(tmp_path / "runs"), "--device", "cpu"]
    assert command.main(line) == 0
    made = attributes.load(out)
    assert [(group.name, len(group.columns)) for group in made.groups] == list(
        zip(attributes.GROUPS, (4, 6, 21, 14, 13, 8), strict=True)
    )
    split = datasets.load("synthwalk", job.world)
    assert made.require_join(split.train).missing == ()
