"""Our packages `datasets` and `tests` share names with other libraries'; the libraries that we use do not mind."""

from pathlib import Path

import numpy as np

import datasets
from tests.places import HOUSE


def test_the_house_is_first_on_the_path() -> None:
    assert Path(datasets.__file__).parent == HOUSE / "datasets"


def test_mlflow_logs_a_data_set_beside_ours(tmp_path: Path) -> None:
    import mlflow

    from tests.reports import fake

    data = mlflow.data.from_numpy(np.arange(6.0).reshape(3, 2), name="three-rows")
    mlflow.set_tracking_uri(fake.fresh(tmp_path))
    try:
        experiment = mlflow.create_experiment("neighbours", artifact_location=(tmp_path / "artifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            mlflow.log_input(data, context="testing")
        inputs = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    finally:
        mlflow.set_tracking_uri(None)
    assert [one.dataset.name for one in inputs] == ["three-rows"]


def test_torchvision_has_its_own_data_sets() -> None:
    import torchvision.datasets

    assert torchvision.datasets.FakeData(size=1)[0][0].size == (224, 224)
    assert torchvision.datasets is not datasets
