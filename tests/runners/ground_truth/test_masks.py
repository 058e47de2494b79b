"""Where a network looks: the clips that are shown, their truth, and networks whose masks are known."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

import datasets
from datasets.frames.decoded import FrameStore
from datasets.synthwalk.renderer import materials
from datasets.synthwalk.truth import load_truth
from datasets.tracklet import Split
from protocols.ground_truth import masks
from reports.schema import json_form
from runners.ground_truth.interface import has_truth
from runners.ground_truth.masks import Explained, explain
from runners.ground_truth.scenes import scenes


class Looks(nn.Module):
    """Shows masks that are functions of the pixels alone."""

    clip_length = 4

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        frames = clips.new_zeros(*clips.shape[:2], 8, 4)
        if self.kind == "nowhere":
            return {"frames": mask / mask.sum(dim=1, keepdim=True)}
        if self.kind == "middle":
            frames[..., 1:3] = 1.0
        if self.kind == "edge":
            frames[..., ::3] = 1.0
        return {"looks": frames + 0.0, "frames": mask / mask.sum(dim=1, keepdim=True)}


@pytest.fixture(scope="module")
def split(tiny_world: Path) -> Split:
    return datasets.load("synthwalk", tiny_world)


@pytest.fixture(scope="module")
def store(split: Split) -> FrameStore:
    return FrameStore.build(split.test, split.root, None, (64, 32), fingerprint="t", progress=False)


def looked(kind: str, against: str, split: Split, store: FrameStore) -> Explained | None:
    return explain(
        Looks(kind), Looks(against), split, store, normalise="imagenet", device="cpu", precision="fp32"
    )  # fmt: skip


def test_every_known_tracklet_gives_its_middle_clip_with_its_truth(split: Split) -> None:
    found = scenes(split, 4)
    assert [scene.tracklet.key for scene in found] == [t.key for t in split.test if t.person_id > 0]
    for scene in found:
        middle = (len(scene.tracklet) - 1) / 2
        assert abs(scene.frames.mean() - middle) <= 4
        truth = load_truth(split.root, scene.tracklet.key)
        hidden = truth.occluders[scene.frames] > 0
        assert (scene.regions.occluder == hidden).all()
        worn = np.isin(truth.labels[scene.frames], [materials.LABELS.index(n) for n in ("backpack", "hat")])
        assert scene.regions.bag[worn & ~hidden].all()
        assert not scene.regions.person[truth.labels[scene.frames] == 0].any()


def test_a_mask_in_the_middle_beats_one_at_the_edge_on_people(split: Split, store: FrameStore) -> None:
    found = looked("middle", "edge", split, store)
    by = {(one["name"], one["who"]): one["measures"] for one in found.record["maps"]}
    assert set(by) == {("looks", "trained"), ("looks", "untrained"), ("looks", "centre")}
    assert by["looks", "trained"]["auc"]["mean"] > 0.6
    assert by["looks", "untrained"]["auc"]["mean"] < 0.5
    assert by["looks", "trained"]["person_density"]["mean"] > 1 > by["looks", "untrained"]["person_density"]["mean"]
    assert by["looks", "centre"]["auc"]["mean"] > by["looks", "trained"]["auc"]["mean"]
    verdicts = {(d["measure"], d["against"]): d["verdict"] for d in found.record["differences"]}
    assert verdicts["auc", "untrained"] == "holds"
    assert verdicts["auc", "centre"] == "does not hold"
    assert found.arrays["looks/auc/trained"].shape == found.arrays["person"].shape
    assert verdicts["background_density", "untrained"] == "holds"  # there, less is better
    assert set(masks.MEASURES) == set(by["looks", "trained"])


def test_the_record_has_pictures_and_no_number_that_is_not_finite(split: Split, store: FrameStore) -> None:
    found = looked("middle", "edge", split, store)
    assert not list(json_form.non_finite(found.record))
    rows = found.record["pictures"]["rows"]
    assert 3 <= len(rows) <= 5
    for row in rows:
        assert len(row["frames"]) == len(row["truth"]) == len(row["maps"]["looks"]) == 4
        assert all(picture.startswith("data:image/jpeg;base64,") for picture in row["frames"] + row["truth"])


def test_frame_weights_alone_are_no_mask(split: Split, store: FrameStore) -> None:
    assert looked("nowhere", "nowhere", split, store) is None


def test_filmed_data_have_no_truth(split: Split, tmp_path: Path) -> None:
    assert has_truth(split)
    assert not has_truth(dataclasses.replace(split, root=tmp_path))
    assert not has_truth(dataclasses.replace(split, synthetic=False))
