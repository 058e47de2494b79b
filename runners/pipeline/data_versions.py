"""The data of a job in all their versions, made when they are asked for, with the training that this takes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import datasets
from datasets import attributes, repaired
from datasets.attributes import Annotation
from datasets.errors import DataError
from datasets.files.manifest import REPAIRED
from datasets.frames.concatenated import FramePair
from datasets.frames.decoded import FrameStore
from datasets.frames.open import DECODED_LIMIT, open_frames
from datasets.frames.shared import open_shared
from datasets.frames.subset import Frames, FrameSelection
from datasets.images.resize import Filter
from datasets.repaired import staging, write
from datasets.repaired.interface import Repairer
from datasets.tracklet import Split, Tracklet, person_ids
from files import inventory
from files.formats import arrays
from methods.interface import Repair, ScoresRegions
from reports.schema.vocabulary import DROP, RAW
from runners.derived_data import pseudo_labels
from runners.derived_data.annotations import AnnotatedSplit
from runners.derived_data.network_repairer import NetworkRepairer
from runners.derived_data.region_scores import write_scores
from runners.errors import RunError
from runners.evaluation.occluded_regions import hidden_pixels, occluded_regions
from runners.plan.frame_cache import folder_of_frames
from runners.plan.plan_types import PlannedData, PlannedLabels, PlannedScores, PlannedStage
from runners.plan.step_store import AGAIN, StepStore, write_json
from runners.progress import note
from runners.training.sources import Targets
from runners.training.stage import TrainingData, run_stage, trained_method

_PARTS = ("train", "test")


@dataclass
class DataVersions:
    """Raw and repaired data of one job.

    Attributes:
        raw: the data set as it is.
        steps: recorded steps.
        work: folder for decoded frames and repaired data sets.
        device: such as ``cpu``.
        annotation: attributes of the people in ``raw``, if anybody annotated them.
        source: other data, whose attributes are annotated.
        decoded_limit: bytes of decoded frames up to which they are kept, see `datasets.frames.open`.
        shared: the division of the data whose frames all others are views of; None where there is one division.
    """

    raw: Split
    steps: StepStore
    work: Path
    device: str
    annotation: Annotation | None = None
    source: AnnotatedSplit | None = None
    decoded_limit: int = DECODED_LIMIT
    shared: Split | None = None
    _splits: dict[str, Split] = field(default_factory=dict)
    _scorers: dict[str, ScoresRegions] = field(default_factory=dict)
    _stores: dict[tuple[str, tuple[int, int], str, float, Filter], Frames] = field(default_factory=dict)

    def train(self, last: PlannedStage) -> None:
        """Run all stages up to this one that were not run before."""
        for stage in last.chain():
            if self.steps.done(stage.step):
                continue
            run_stage(stage, self.training_data(stage), self.steps, self.device)

    def training_data(self, stage: PlannedStage) -> TrainingData:
        """What a stage learns from; made now where something has to be."""
        if stage.stage.domain != "target":
            return self._of_source(stage)
        split = self.split(stage.data)
        store: Frames
        if stage.scores:
            store = self._unoccluded(stage)
            seen = store.tracklets
        else:
            store = self.store("train", stage.size, stage.data, resize=stage.resize)
            seen = np.arange(len(store))
        targets = None
        if stage.labels:
            people = person_ids(self.raw.train)[seen]
            targets = Targets.of(self.labels(stage.labels).people_targets(people), store.lengths)
        return TrainingData(split, store, self.raw.train_labels[seen], targets)

    def _of_source(self, stage: PlannedStage) -> TrainingData:
        """The source's training half alone, or before that of the target, which has no labels."""
        assert self.source is not None and stage.labels is not None  # planned for methods that learn attributes only
        store = self.source_store("train", stage.size, resize=stage.resize)
        known = self.source.annotation.people_targets(person_ids(self.source.split.train))
        if stage.stage.domain == "source":
            none = np.zeros(len(store), dtype=np.int64)  # no stage on a source classifies identities
            return TrainingData(self.source.split, store, none, Targets.of(known, store.lengths))
        target = self.store("train", stage.size, stage.data, resize=stage.resize)
        assert isinstance(target, FrameStore)  # only test halves are selections
        both = FramePair(store, target)
        values = np.concatenate([known, np.full((len(target), known.shape[1]), np.nan, dtype=np.float32)])
        none = np.zeros(len(both), dtype=np.int64)
        return TrainingData(self.split(stage.data), both, none, Targets.of(values, both.lengths), len(store))

    def source_store(
        self, part: str, size: tuple[int, int], crop: float = 1.0, resize: Filter = "bilinear"
    ) -> FrameStore:
        """Frames of the ``train`` or ``test`` half of the source.

        Args:
            part: ``train`` or ``test``.
            size: (height, width).
            crop: see `FrameStore.build`.
            resize: see `FrameStore.build`.
        """
        assert self.source is not None  # asked for where something was planned on it
        return self._frames(self.source.split, part, size, crop, resize)

    def labels(self, planned: PlannedLabels) -> Annotation:
        """The attributes of training people that an arm learns: annotated, or as an arm labels them, now or before."""
        if planned.step is None:
            assert self.annotation is not None  # or the plan would not stand
            return self.annotation
        if not self.steps.done(planned.step):
            assert planned.labeller is not None  # it has the step
            self.train(planned.labeller)
            with self.steps.running(planned.step) as folder:
                if folder is not None:
                    halves = self._halves_to_label(planned.labeller)
                    pseudo_labels.label(planned, halves, self.raw.num_train_ids, self.steps, self.device, folder)
        return attributes.load(self.steps.folder(planned.step) / pseudo_labels.FILE)

    def _halves_to_label(self, last: PlannedStage) -> Iterator[pseudo_labels.Half]:
        """The training half of the job; the test half of the source, if it has known people."""
        how = (last.size, last.crop, last.resize)
        yield pseudo_labels.Half("train", self.raw, self.raw_store("train", *how))
        if self.source is not None and any(tracklet.person_id > 0 for tracklet in self.source.split.test):
            yield pseudo_labels.Half("test", self.source.split, self.source_store("test", *how), "source_")

    def split(self, data: PlannedData) -> Split:
        """The tracklets of a version; the same people, cameras and order in all."""
        if data.repairer is None:
            return self.raw
        if data.fingerprint not in self._splits:
            root = self.folder(data)
            try:
                split = self._read(data, root)
            except DataError:
                self._set_aside_damaged(data, root)
                split = self._read(data, self.folder(data))
            self._splits[data.fingerprint] = split
        return self._splits[data.fingerprint]

    def _read(self, data: PlannedData, root: Path) -> Split:
        """A repaired set of this working folder.

        Raises:
            DataError: it is not what was written.
        """
        if not (root / REPAIRED).is_file():
            raise DataError(f"{REPAIRED} is not there")
        split = datasets.load(self.raw.name, root)
        if split.fingerprint != data.fingerprint:
            raise DataError(f"{root} holds other frames than were written")
        return split

    def _set_aside_damaged(self, data: PlannedData, root: Path) -> None:
        """Give a repaired set another name, and say so; one that another process has just written again stays.

        Raises:
            DataError: another process is writing it.
        """
        with staging.locked(root):
            if not root.exists():
                return
            try:
                self._read(data, root)
            except DataError as error:
                new = inventory.set_aside(root)
                note(f"the repaired set is damaged: {error}. It is kept as {new.name} and written again.")

    def store(
        self, part: str, size: tuple[int, int], data: PlannedData, crop: float = 1.0, resize: Filter = "bilinear"
    ) -> Frames:
        """Frames of the ``train`` or ``test`` half of a version.

        Test tracklets without their occluded frames are a selection of the raw ones: nothing is written or decoded.

        Args:
            part: ``train`` or ``test``.
            size: (height, width) in pixels.
            data: the version.
            crop, resize: as in `FrameStore.build`.
        """
        key = (part, size, data.fingerprint, crop, resize)
        if key not in self._stores:
            if part == "test" and data.repairer is not None and data.repairer.kind == DROP:
                self._stores[key] = self._dropped(size, data, crop, resize)
            else:
                self._stores[key] = self._frames(self.split(data), part, size, crop, resize)
        return self._stores[key]

    def _frames(self, split: Split, part: str, size: tuple[int, int], crop: float, resize: Filter) -> FrameStore:
        """Frames of one half of a split: decoded once where that is little, else when they are asked for."""
        tracklets, cache = split.train if part == "train" else split.test, folder_of_frames(self.work)
        if self.shared is not None and split is self.raw:
            found = open_shared(
                tracklets, self.shared, cache, size, crop=crop, resize=resize, decoded_limit=self.decoded_limit
            )
            if found is not None:
                return found
        return open_frames(
            tracklets,
            split.root,
            cache,
            size,
            fingerprint=split.fingerprint,
            crop=crop,
            resize=resize,
            decoded_limit=self.decoded_limit,
        )

    def raw_store(self, part: str, size: tuple[int, int], crop: float = 1.0, resize: Filter = "bilinear") -> FrameStore:
        """Decoded frames of the data as they are.

        Args:
            part: ``train`` or ``test``.
            size: (height, width).
            crop: see `FrameStore.build`.
            resize: see `FrameStore.build`.
        """
        found = self.store(part, size, PlannedData(RAW, self.raw.fingerprint), crop, resize)
        assert isinstance(found, FrameStore)  # selections are made of repaired data only
        return found

    def scores(self, part: str, planned: PlannedScores) -> NDArray[np.float32]:
        """Region scores ``[F, K]`` of one half of the raw data."""
        if not self.steps.done(planned.step):
            network = self.scorer(planned)
            with self.steps.running(planned.step) as folder:
                if folder is not None:
                    self._score(network, planned.scorer, folder)
        file = self.steps.folder(planned.step) / f"scores-{part}.npy"
        return arrays.load_npy(file, mmap=True, error=RunError, remedy=AGAIN)

    def _score(self, network: ScoresRegions, last: PlannedStage, folder: Path) -> None:
        """Write the scores of both halves into a step's folder."""
        for half in _PARTS:
            write_scores(
                network,
                self.raw_store(half, last.size, resize=last.resize),
                last.stage.normalise,
                device=self.device,
                precision=last.precision,
                file=folder / f"scores-{half}.npy",
                title=f"score regions of the {half} half, seed {last.seed}",
            )
        write_json(folder / "regions.json", {"tau": network.region_threshold})

    def scorer(self, planned: PlannedScores) -> ScoresRegions:
        """The network that scores regions, trained now or before.

        Raises:
            RunError: that arm scores no regions.
        """
        known = self._scorers.get(planned.step.fingerprint)
        if known is not None:
            return known
        self.train(planned.scorer)
        network = trained_method(planned.scorer, self.raw.num_train_ids, self.steps, self.device)
        if not isinstance(network, ScoresRegions):
            raise RunError(
                f"--scorer {planned.scorer.run.text}: this arm scores no regions; name one whose network does "
                "(methods.interface.ScoresRegions), such as vrstc/baseline."
            )
        self._scorers[planned.step.fingerprint] = network
        return network

    def calls(self, part: str, data: PlannedData) -> NDArray[np.bool_]:
        """Which regions of the raw data's frames are called occluded for a version, ``[F, K]``."""
        assert data.scores is not None and data.repairer is not None  # asked for versions that need calls only
        tau = data.repairer.tau
        return occluded_regions(
            self.scores(part, data.scores), self.scorer(data.scores).region_threshold if tau is None else tau
        )

    def folder(self, data: PlannedData, root: Path | None = None) -> Path:
        """Where a repaired data set lies, written now or before; any method reads it with --data-root.

        Args:
            data: repaired.
            root: a folder of the user's choice; by default one below ``work``.

        Raises:
            DataError: something else lies there, or it cannot be written.
        """
        assert data.repairer is not None  # raw data lie where the user has them
        name = "".join(c if c.isalnum() or c in "-." else "-" for c in data.repairer.text).strip("-")
        own = self.work / "repaired" / f"{name}-{data.fingerprint[:12]}"
        if root is None and (own / REPAIRED).is_file():
            return own
        if root is None and own.is_dir() and any(own.iterdir()):
            self._set_aside_damaged(data, own)
        repairer, hidden = self._repairer(data), self._hidden(data)
        workers = 1 if data.painter else 2
        return write.write(self.raw, repairer, hidden, root or own, calls=data.calls, workers=workers)

    def _repairer(self, data: PlannedData) -> Repairer:
        assert data.repairer is not None  # see folder
        if data.painter is None:
            return repaired.make(data.repairer.kind, self.raw)
        self.train(data.painter)
        network = trained_method(data.painter, self.raw.num_train_ids, self.steps, self.device)
        if not isinstance(network, Repair):
            raise RunError(f"the arm {data.name} has role repairer, but its network offers no repair().")
        planned = data.painter
        return NetworkRepairer(data.repairer.kind, data.options, network, planned.size, self.device, planned.precision)

    def _hidden(self, data: PlannedData) -> write.Hidden:
        """Hidden pixels of a tracklet by the calls; nothing where the repairer needs none."""
        if data.scores is None:
            return lambda tracklet, height, width: np.zeros((len(tracklet), height, width), dtype=bool)
        network = self.scorer(data.scores)
        found: dict[str, NDArray[np.bool_]] = {}
        for part, tracklets in zip(_PARTS, (self.raw.train, self.raw.test), strict=True):
            calls = self.calls(part, data)
            offsets = np.cumsum([0, *(len(t) for t in tracklets)])
            found |= {t.key: calls[a:b] for t, a, b in zip(tracklets, offsets, offsets[1:], strict=False)}

        def hidden(tracklet: Tracklet, height: int, width: int) -> NDArray[np.bool_]:
            return hidden_pixels(found[tracklet.key], network.region_rows(height), height, width)

        return hidden

    def _unoccluded(self, stage: PlannedStage) -> FrameSelection:
        """Training frames in which nothing is called occluded."""
        assert stage.scores is not None  # asked for such stages only
        base = self.store("train", stage.size, stage.data, resize=stage.resize)
        assert isinstance(base, FrameStore)  # only test halves are selections
        tau = self.scorer(stage.scores).region_threshold
        keep: NDArray[np.bool_] = ~np.asarray(occluded_regions(self.scores("train", stage.scores), tau).any(axis=1))
        note(f"{stage.run.text}: {int(keep.sum())} of {len(keep)} training frames are unoccluded (scores >= {tau:g})")
        return FrameSelection(base, keep)

    def _dropped(self, size: tuple[int, int], data: PlannedData, crop: float, resize: Filter) -> FrameSelection:
        base = self.raw_store("test", size, crop, resize)
        keep: NDArray[np.bool_] = ~np.asarray(self.calls("test", data).any(axis=1))
        for first, end in zip(base.offsets, base.offsets[1:], strict=False):
            if not keep[first:end].any():
                keep[first:end] = True  # a tracklet that would vanish stays whole
        return FrameSelection(base, keep)
