"""Sharpness of test tracklets: the mean step between neighbouring pixels, over all frames of each."""

from itertools import pairwise

import numpy as np

from runners.ground_truth.interface import Answer, Measurement, MeasurementInput
from runners.plan.code_digest import code_digest
from runners.plan.plan_types import readers
from runners.plan.step_store import Step

STEP = "sharpen"
AXIS = 2


def _planned(given: MeasurementInput) -> Step | None:
    if not given.of_raw:
        return None
    config = given.config
    inputs = {"data": config.data, "size": list(given.last.size), "code": code_digest(STEP, modules=readers(config))}
    return Step(STEP, config.data, inputs)


def _measure(given: MeasurementInput) -> Answer:
    store = given.data.raw_store("test", given.last.size)
    steps = np.abs(np.diff(store.flat().astype(np.float64), axis=AXIS)).mean(axis=(1, 2, 3))
    values = np.array([steps[begin:end].mean() for begin, end in pairwise(store.offsets)])
    test = given.data.raw.test
    arrays = {
        "person": np.array([one.person_id for one in test]),
        "key": np.array([one.key for one in test]),
        "sharpness": values,
    }
    return Answer({"tracklets": len(values), "what": "all frames", "mean": float(values.mean())}, arrays)


MEASUREMENT = Measurement("sharpness", _planned, _measure)
