"""The MARS reader on the official metadata, at full size and without pixels."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.sampling.batches import grouped_batches, identity_batches, shuffled_batches
from datasets.sampling.clips import RULES
from datasets.seeding import generator
from datasets.tracklet import camera_ids, lengths, person_ids
from tests.datasets import mars_index
from tests.places import HOUSE


@pytest.fixture(scope="module")
def mars_metadata(official_metadata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables as released; name files rebuilt from the published list of tracklet prefixes."""
    return mars_index.rebuild(official_metadata / "mars", tmp_path_factory.mktemp("index") / "mars")


@pytest.fixture(scope="module")
def mars(mars_metadata: Path) -> datasets.Split:
    return datasets.load("mars", mars_metadata, check_images=False)


def test_all_official_counts_are_met(mars: datasets.Split) -> None:
    counts = mars.counts()
    assert (counts["train_ids"], counts["train_tracklets"], counts["train_frames"]) == (625, 8_298, 509_914)
    assert (counts["test_ids"], counts["test_tracklets"], counts["test_frames"]) == (634, 12_180, 681_089)
    assert (counts["query_ids"], counts["query_tracklets"]) == (626, 1_980)
    assert counts["gallery_tracklets"] == 12_180
    assert (counts["junk_tracklets"], counts["distractor_tracklets"]) == (870, 3_248)
    assert (counts["unmatched_queries"], counts["unmatched_queries_removed"]) == (0, 140)


@pytest.mark.parametrize(
    ("part", "smallest", "median", "largest", "below_16"),
    [("train", 5, 36, 900, 1_494), ("test", 2, 30, 920, None), ("query", 2, 35, 880, None)],
)
def test_tracklet_lengths(
    mars: datasets.Split, part: str, smallest: int, median: int, largest: int, below_16: int | None
) -> None:
    found = lengths(getattr(mars, part))
    assert (found.min(), np.median(found), found.max()) == (smallest, median, largest)
    assert below_16 is None or (found < 16).sum() == below_16


def test_rows_stand_in_the_released_order(mars: datasets.Split) -> None:
    people = person_ids(mars.test)
    assert (people[:870] == -1).all()
    assert (people[870:4118] == 0).all()
    assert (np.diff(people[4118:]) >= 0).all()
    assert mars.query_index[:3].tolist() == [4_129, 4_137, 4_145]
    assert (np.diff(mars.query_index) > 0).all()
    last = mars.test[-1]
    assert (last.key[:4], last.camera_id, len(last.frames)) == ("1500", 5, 18)
    assert mars.train[0].frames[15] == "bbox_train/0001/0001C1T0001F016.jpg"


def test_one_query_for_each_person_and_camera_seen_by_two(mars: datasets.Split) -> None:
    pairs = set(zip(person_ids(mars.test).tolist(), camera_ids(mars.test).tolist(), strict=True))
    real = {(person, camera) for person, camera in pairs if person > 0}
    cameras = Counter(person for person, _ in real)
    expected = {(person, camera) for person, camera in real if cameras[person] >= 2}
    asked = [(t.person_id, t.camera_id) for t in mars.query]
    assert set(asked) == expected
    assert len(asked) == len(expected)
    lonely = sorted(person for person, number in cameras.items() if number == 1)
    assert lonely == [12, 14, 154, 166, 982, 1034, 1104, 1354]


def test_labels_are_the_rank_of_the_odd_person_numbers(mars: datasets.Split) -> None:
    people, labels = person_ids(mars.train), mars.train_labels
    assert (people % 2 == 1).all()
    assert labels.min() == 0
    assert labels.max() == 624
    assert (np.diff(labels[np.argsort(people, kind="stable")]) >= 0).all()


def test_attribute_table_names_exactly_these_tracklets(mars: datasets.Split, official_metadata: Path) -> None:
    path = official_metadata / "mars_attributes" / "mars_attributes_v1.csv"
    listed = {tuple(map(int, line.split(",")[:3])) for line in path.read_text().splitlines()[1:]}
    read = {(t.person_id, t.camera_id, int(t.key[7:])) for t in (*mars.train, *mars.test) if t.person_id > 0}
    assert read == listed
    assert len(read) == 16_360


def test_metadata_loads_in_about_a_second_and_little_memory(mars_metadata: Path) -> None:
    code = (
        "import sys, resource, time, scipy.io, datasets.readers.mars.reader\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "start = time.process_time()\n"
        f"split = datasets.load('mars', {str(mars_metadata)!r}, check_images=False)\n"
        "spent = time.process_time() - start\n"
        "grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024\n"
        "print(spent, grown, 'torch' in sys.modules)"
    )
    here = HOUSE
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    spent, grown, torch_was_imported = done.stdout.split()
    assert float(spent) < 3, f"took {spent} s of processor time"  # 0.5 s where nothing else runs
    assert float(grown) < 250, f"took {grown} MiB"
    assert torch_was_imported == "False"


def test_a_table_of_another_copy_is_refused(mars_metadata: Path, tmp_path: Path) -> None:
    root = tmp_path / "mars"
    shutil.copytree(mars_metadata, root)
    path = root / "info" / "train_name.txt"
    path.write_bytes(path.read_bytes()[: -21 * 30])
    with pytest.raises(DataError, match=r"8298.*ends at line 509,914 but there are 509,884 image names"):
        datasets.load("mars", root, check_images=False)


def test_p_times_k_draws_short_identities_with_replacement(mars: datasets.Split) -> None:
    labels = mars.train_labels
    sizes = np.bincount(labels)
    assert (sizes.min(), np.median(sizes), sizes.max()) == (1, 10, 271)
    assert (sizes < 4).sum() == 45
    seen = np.zeros(625, dtype=int)
    for batch in identity_batches(labels, 8, 4, generator(0, "batches"), drop_last=False):
        groups = labels[batch].reshape(-1, 4)
        assert (groups == groups[:, :1]).all()
        for label, drawn in zip(groups[:, 0], batch.reshape(-1, 4), strict=True):
            seen[label] += 1
            assert len(set(drawn.tolist())) == 4 or sizes[label] < 4
    assert (seen == 1).all()
    assert sum(1 for _ in identity_batches(labels, 8, 4, generator(0, "batches"))) == 625 // 8


@pytest.mark.parametrize(("per_identity", "tracklets"), [(4, 7_532), (2, 7_982)])
def test_tkp_epoch_has_the_published_size(mars: datasets.Split, per_identity: int, tracklets: int) -> None:
    epoch = list(grouped_batches(mars.train_labels, 1, per_identity, generator(0)))
    assert sum(len(batch) for batch in epoch) == tracklets
    batches = list(grouped_batches(mars.train_labels, 16 // per_identity, per_identity, generator(0)))
    assert len(batches) == tracklets // 16


def test_gltr_epoch_has_830_batches(mars: datasets.Split) -> None:
    epoch = list(shuffled_batches(len(mars.train), 10, generator(0)))
    assert len(epoch) == 830
    assert sorted(np.concatenate(epoch).tolist()) == list(range(8_298))


@pytest.mark.parametrize("name", sorted(set(RULES) - {"every"}))
def test_every_rule_serves_every_length_of_mars(mars: datasets.Split, name: str) -> None:
    for length in np.unique(np.concatenate([lengths(mars.train), lengths(mars.test)])).tolist():
        indices, mask = RULES[name](length, 16, generator(length))
        assert indices.shape == mask.shape == (16,)
        assert indices.min() >= 0
        assert indices.max() < length
