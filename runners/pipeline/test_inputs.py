"""What a trained arm is fed at test time: the test half's frames, their features where frames are encoded alone,
or the maps of what is frozen in its trunk."""

from pathlib import Path

import numpy as np
from torch import nn

from datasets.frames.decoded import FrameStore
from datasets.frames.subset import Frames, FrameSelection
from datasets.seeding import generator
from methods.interface import FrameThenTime
from runners.evaluation.encode import TestInputs
from runners.pipeline.data_versions import DataVersions
from runners.plan.plan_types import ArmRun, PlannedData, PlannedStage
from runners.training import stage
from runners.training.frame_features import trunk_frames_of
from runners.training.frame_pass import FramePass
from runners.training.trunk_maps import trunk_maps


def test_inputs_of(
    method: nn.Module,
    run: ArmRun,
    last: PlannedStage,
    tested: PlannedData,
    store: Frames,
    versions: DataVersions,
    scratch: Path,
) -> TestInputs:
    """Frames, or features that are extracted now or were before.

    Args:
        method: trained, in eval mode.
        run: the arm, whose control may shuffle time.
        last: its last stage.
        tested: the data it is scored on.
        store: their frames.
        versions: of the job's data.
        scratch: where descriptors gather until all are there.
    """
    normalise, device = last.stage.normalise, versions.device
    orders = None
    if run.control == "shuffled":
        orders = [
            generator(last.training_seed, "shuffled at test", t.key).permutation(int(n)).astype(np.int64)
            for t, n in zip(versions.raw.test, store.lengths, strict=True)
        ]
    features, passed, given = None, None, None
    if isinstance(method, FrameThenTime):
        selected = isinstance(store, FrameSelection)
        base = store.base if isinstance(store, FrameSelection) else store
        split = versions.raw if selected else versions.split(tested)
        file = stage.frame_features(method, FramePass.of(last, split, "test", base, device), versions.steps)
        features = stage.load_features(file)
        passed = len(features), trunk_frames_of(file)
        if isinstance(store, FrameSelection):
            features = features[store.rows]
    elif isinstance(store, FrameStore) and tested.repairer is None:
        given = trunk_maps(method, FramePass.of(last, versions.raw, "test", store, device), versions.steps)
    title = f"extract {run.text}, {last.seed_words}"
    return TestInputs(store, features, normalise, device, last.precision, title, orders, scratch, passed, given)
