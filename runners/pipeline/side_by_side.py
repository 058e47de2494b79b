"""Results of a job made in several processes, before the command asks for them.

A worker makes steps and nothing else; the command loads them in its usual order and alone writes to the tracking store.
Which steps two results share is known from the plan, so no worker is given what it would wait for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from types import TracebackType
from typing import Any, Literal, Self

from methods.layers.resnet import shared_block
from runners.errors import RunError
from runners.oracles.discovery import rules
from runners.oracles.painted_frames import painted
from runners.pipeline.job import Job
from runners.pipeline.result_files import Wanted, WantedMaps
from runners.pipeline.untrained import trains_nothing
from runners.plan.environment import choose_device
from runners.plan.plan import plan_scores
from runners.plan.plan_types import ArmRun, PlannedData, PlannedStage
from runners.plan.step_store import Step
from runners.training.frame_pass import FramePass
from runners.training.start_maps import network_at_start
from runners.training.trunk_maps import trunk_maps
from runners.workers.pool import Pool
from runners.workers.schedule import Task


@dataclass(frozen=True)
class _Asked:
    """What a worker is asked for.

    Attributes:
        place: of the job among those of the command.
        runs: all of the job's, prepared.
        seed: the job's first.
        wanted: the result.
    """

    place: int
    runs: tuple[ArmRun, ...]
    seed: int
    wanted: Wanted | WantedMaps


@dataclass(frozen=True)
class _Parts:
    """A job as another process sets it up again; by the values of its fields."""

    values: dict[str, Any]

    @classmethod
    def of(cls, job: Job) -> Self:
        """Those of a job."""
        return cls({each.name: getattr(job, each.name) for each in fields(job) if each.init and each.name[0] != "_"})


class SideBySide:
    """Processes for the jobs of one command; they are begun where two results or more have to be made."""

    def __init__(self, jobs: Sequence[Job], workers: int) -> None:
        """Nothing is begun yet.

        Args:
            jobs: one for each division of the data.
            workers: how many processes make results.
        """
        self._jobs, self._workers = jobs, workers
        self._pool: Pool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._pool is not None:
            self._pool.close()

    def of(self, place: int) -> "JobAhead | None":
        """What makes results of a job; None where the command makes them itself.

        Args:
            place: of the job.
        """
        return None if self._workers == 1 else JobAhead(self, place)

    def job(self, place: int) -> Job:
        """One of the jobs."""
        return self._jobs[place]

    def pool(self) -> Pool:
        """The processes, which may be begun from now on."""
        if self._pool is None:
            for job in self._jobs:
                job.steps.waits = True
            threads = int(self._jobs[0].config.runtime["threads"])  # what was planned with
            self._pool = Pool(self._workers, threads, make, tuple(map(_Parts.of, self._jobs)))
        return self._pool


@dataclass
class JobAhead:
    """Makes the results of one job that are missing; see `runners.pipeline.result_files.Ahead`."""

    side: SideBySide
    place: int
    _new: dict[str, bool] = field(default_factory=dict)  # name of what is made -> whether the result itself is missing

    def begin(self, wanted: Sequence[Wanted]) -> None:
        """Begin with what is missing, where that is more than one result.

        Args:
            wanted: all results of the job, in order.
        """
        job = self.side.job(self.place)
        missing = [each for each in wanted if not job.complete(each)]
        if len(missing) < 2:
            return
        runs = tuple({each.run.text: each.run for each in wanted if each.run}.values())
        known: dict[str, str] = {}
        tasks = [
            Task(
                maps.name,
                frozenset([maps.name]),
                "maps",
                given=_Asked(self.place, runs, wanted[0].seed, maps),
                result=False,
            )
            for maps in {maps.name: maps for each in missing for maps in maps_for(job, each, known)}.values()
        ]
        for each in missing:
            self._new[each.name] = not job.steps.done(job.step_of(each))
            asked = _Asked(self.place, runs, wanted[0].seed, each)
            tasks.append(task_of(job, each, asked, known))
        self.side.pool().begin(tasks)

    def made(self, wanted: Wanted) -> bool:
        """Whether a result is made by a worker; waited for.

        Args:
            wanted: the result.

        Raises:
            RunError: the worker planned it otherwise, or was ended from outside.
        """
        if wanted.name not in self._new:
            return False
        made, planned = self.side.pool().result(wanted.name), self.side.job(self.place).step_of(wanted)
        if made != planned.fingerprint:
            raise RunError(
                f"{planned.kind} '{planned.name}' was planned otherwise by a worker: code or a card was changed while "
                "the command ran; start it again."
            )
        return self._new[wanted.name]


def task_of(job: Job, wanted: Wanted, given: object = None, known: dict[str, str] | None = None) -> Task:
    """A result as a schedule needs it.

    Args:
        job: whose result it is, prepared.
        wanted: the result.
        given: to the worker.
        known: arm -> what of it is frozen; filled here, so that it is found once.
    """
    kind = wanted.run.text if wanted.run else "colour", wanted.head_seed > 0
    return Task(
        wanted.name, frozenset(_needs(job, wanted, {} if known is None else known)), kind, wanted.run is None, given
    )


def maps_for(job: Job, wanted: Wanted, known: dict[str, str]) -> Iterator[WantedMaps]:
    """Maps of frozen trunks that a result rests on; none where nothing is frozen.

    Args:
        job: whose result it is, prepared.
        wanted: the result.
        known: arm -> what of it is frozen, filled here.
    """
    run = wanted.run
    if run is None:
        return
    last, tested = job.plan(run, wanted.seed)
    if run.arm.text not in known:
        known[run.arm.text] = _shared(job, last)
    shared = known[run.arm.text]
    if not shared or tested.repairer is not None:
        return
    rule = rules().get(str(run.control))
    yield WantedMaps(run, wanted.seed, (rule and rule.painted) or "test", shared)
    if job.heads_of(run, (0, 1)) == (0, 1) and last.data.repairer is None:
        yield WantedMaps(run, wanted.seed, "train", shared)


def _shared(job: Job, last: PlannedStage) -> str:
    """Which networks share maps with an arm's, and behind which block; empty text for none."""
    network = network_at_start(last, job.split.num_train_ids, "cpu")
    starts = sorted(card.sha256 for card in last.chain()[0].starts.values())
    return f"{shared_block(network)} of {starts}" if network else ""


def make_maps(job: Job, wanted: WantedMaps) -> None:
    """Make maps, as far as they are not there, from the starting weights alone."""
    last, _ = job.plan(wanted.run, wanted.seed)
    network = network_at_start(last, job.split.num_train_ids, job.config.device)
    assert network is not None  # or nobody would want them
    part: Literal["train", "test"] = "train" if wanted.frames == "train" else "test"
    store = job.versions.raw_store(part, last.size, last.crop if part == "test" else 1.0, last.resize)
    frames = FramePass.of(last, job.split, part, store, job.config.device)
    mask = rules()[str(wanted.run.control)].painted if wanted.frames not in ("train", "test") else ""
    trunk_maps(network, painted(frames, mask) if mask else frames, job.steps)


def _needs(job: Job, wanted: Wanted, known: dict[str, str]) -> Iterator[str]:
    """Names of all that is made for a result, if need be: itself, stages, data, and passes over frames.

    That two arms share a pass over the frames shows only once their networks are trained. Taken for one are passes that
    rest on one stage: they may be, and are where what follows it leaves the frame network as it is.
    """
    yield job.step_of(wanted).fingerprint
    run, seed = wanted.run, wanted.seed
    if run is None:
        return
    if trains_nothing(run):  # it rests on the result of its arm
        yield job.step_of(Wanted(replace(run, control=None), seed)).fingerprint
    last, tested = job.plan(run, seed, wanted.head_seed)
    for step in (*_of_stage(last), *_of_data(tested)):
        if isinstance(step, str):
            yield step
        elif not job.steps.done(step):
            yield step.fingerprint
    for maps in maps_for(job, wanted, known):
        yield maps.name
    for stage in last.chain():
        yield f"test half after {stage.step.fingerprint}"
    if job.protocol.repairs and job.truth.calls:
        yield plan_scores(seed, job.config).step.fingerprint


def _of_stage(last: PlannedStage) -> Iterator[Step | str]:
    for stage in last.chain():
        yield stage.step
        yield from _of_data(stage.data)
        if stage.start is not None:
            yield f"train half after {stage.start.step.fingerprint}"
        if stage.scores:
            yield stage.scores.step
            yield from _of_stage(stage.scores.scorer)
        if stage.labels and stage.labels.step:
            yield stage.labels.step
        if stage.labels and (behind := stage.labels.labeller):
            yield from _of_stage(behind)


def _of_data(data: PlannedData) -> Iterator[Step | str]:
    if data.repairer is None:
        return
    yield data.fingerprint
    if data.painter:
        yield from _of_stage(data.painter)
    if data.scores:
        yield data.scores.step
        yield from _of_stage(data.scores.scorer)


_open: dict[int, Job] = {}  # the job that this worker has open, by its place


def make(parts: tuple[_Parts, ...], asked: _Asked) -> str:
    """Make a result in a worker; the fingerprint of its step. Maps that results share have none to tell."""
    if asked.place not in _open:
        _open.clear()  # one division is held at a time
        job = Job(**parts[asked.place].values)
        choose_device(job.config.device)  # it sets how a GPU multiplies
        job.prepared(list(asked.runs), asked.seed)
        _open[asked.place] = job
    if isinstance(asked.wanted, WantedMaps):
        make_maps(_open[asked.place], asked.wanted)
        return ""
    return _open[asked.place].make(asked.wanted).fingerprint
