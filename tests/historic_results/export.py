"""Write one recorded job of a tracking store as small files: ``python -m tests.historic_results.export --help``."""

import argparse
import getpass
import io
import json
import os
import re
import shutil
import socket
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

INDEX, LEDGER, RECORD, RUNS = "index.json", "ledger.json", "record.tar.xz", "runs.json"
LEFT_OUT = ("report", "descriptors")  # pages are built again, descriptors are large and no page reads them
PICTURES = (".png", ".svg", ".pdf")
LARGE = 50_000  # bytes
TEXT = (".json", ".csv", ".md", ".txt")
PICTURE = re.compile(r"data:image/(jpeg|png|webp|gif);base64,[A-Za-z0-9+/=]{200,}")
PATH = re.compile(r"(?<![\w.:/<>-])/(?:tmp|home|root|work|mnt|var|opt|srv|private|scratch|Users|Volumes)\b[^\s\"'<>]*")
EXAMPLE = """\
example:
  python -m tests.historic_results.export --store sqlite:///mlflow.db --paper gltr \\
      --experiment reid/synthwalk/res50-rgb-single-pass --out tests/historic_results/0.1.0

Writes OUT/PAPER with three files: index.json (what was measured), ledger.json (the claims as they were judged) and
record.tar.xz (tags, parameters, metrics, and the artifacts of every run).  Pictures shrink to one grey pixel; paths of
this machine are cut out, and a record that still names this machine or its user is refused.
"""


class ExportError(Exception):
    """A job that cannot be exported; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives the exit code: 0 written, 2 refused."""
    options = parser().parse_args(arguments)
    try:
        here = (socket.gethostname(), getpass.getuser())
        folder = export(options.store, options.experiment, options.paper, options.out, options.parent, refused=here)
    except ExportError as error:
        print(f"export: {error}", file=sys.stderr)
        return 2
    for file in sorted(folder.iterdir()):
        print(f"{file.stat().st_size:>9,} bytes  {file}")
    return 0


def parser() -> argparse.ArgumentParser:
    """All options."""
    found = argparse.ArgumentParser(
        prog="python -m tests.historic_results.export",
        description="Write one recorded job as a historic record that later versions must still read.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--store", required=True, help="tracking URI, such as sqlite:///mlflow.db; it is only read")
    found.add_argument("--experiment", required=True, help="reid/<dataset>/<protocol>")
    found.add_argument("--paper", required=True, help="key of the paper: its latest finished job is exported")
    found.add_argument("--parent", help="run id of another job of that paper, which may be unfinished")
    found.add_argument("--out", required=True, type=Path, help="folder of the release; the paper gets one inside it")
    return found


def export(
    store: str, experiment: str, paper: str, out: Path, parent: str | None = None, *, refused: Sequence[str] = ()
) -> Path:
    """Write the latest finished job of a paper, or the named one.

    Args:
        store: tracking URI; nothing is written there.
        experiment: name of the experiment.
        paper: key of the paper.
        out: folder of the release.
        parent: run id of the job's parent run; ``None``: the latest finished one.
        refused: words that no text of the record may hold, such as the name of this machine.

    Returns:
        The folder that was written, ``out/paper``.

    Raises:
        ExportError: no such job, one without a finished arm, or a refused word in a text.
    """
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=store)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        raise ExportError(f"no experiment {experiment!r} in {store}.")
    job = _job(client, found.experiment_id, paper, parent)
    children = client.search_runs(
        [found.experiment_id], f"tags.`mlflow.parentRunId` = '{job.info.run_id}'", max_results=1000
    )
    benches = client.search_runs([found.experiment_id], f"tags.kind = 'bench' and tags.paper = '{paper}'")
    runs = [job, *sorted([*children, *benches], key=lambda run: (run.info.start_time, run.info.run_id))]
    with tempfile.TemporaryDirectory() as scratch:
        members: dict[str, bytes] = {}
        for run in runs:
            for path, data in _artifacts(client, run, Path(scratch)):
                members[f"{run.info.run_id}/{path}"] = data
    members = _without_repeats([run.info.run_id for run in runs], members)
    plain = [_plain(client, run) for run in runs]
    index = {
        "format": 1,
        "paper": paper,
        "experiment": experiment,
        "experiment_tags": dict(sorted(found.tags.items())),
        "parent": job.info.run_id,
        "status": job.info.status,
        "job": {name: job.data.tags.get(name) for name in ("profile", "budget", "seeds", "device", "code_sha")},
        "arms": _arms(plain, members),
    }
    members[RUNS] = _json(plain)
    texts = {INDEX: _json(index), LEDGER: members.pop(f"{job.info.run_id}/{LEDGER}", b"") or _ledger_now(store, index)}
    for name, data in {**members, **texts}.items():
        if Path(name).suffix in TEXT:
            _refuse(refused, name, data.decode())
    folder = out / paper
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in texts.items():
        (folder / name).write_bytes(data)
    (folder / RECORD).write_bytes(_archive(members))
    return folder


def _job(client: "MlflowClient", experiment_id: str, paper: str, parent: str | None) -> "Run":
    jobs = client.search_runs([experiment_id], f"tags.kind = 'parent' and tags.paper = '{paper}'")
    found = [run for run in jobs if (run.info.status == "FINISHED" if parent is None else run.info.run_id == parent)]
    if not found:
        raise ExportError(f"no finished job of {paper} in that experiment, and no {parent}; name one with --parent.")
    return max(found, key=lambda run: run.info.end_time or 0)


def _plain(client: "MlflowClient", run: "Run") -> dict[str, Any]:
    """Everything that MLflow keeps of a run but its artifacts; a metric is its list of ``[value, time, step]``."""
    history = {
        key: [[one.value, one.timestamp, one.step] for one in client.get_metric_history(run.info.run_id, key)]
        for key in sorted(run.data.metrics)
    }
    datasets = [
        {
            "name": one.dataset.name,
            "digest": one.dataset.digest,
            "source_type": one.dataset.source_type,
            "source": scrub(one.dataset.source),
            "schema": one.dataset.schema,
            "profile": one.dataset.profile,
            "tags": {tag.key: tag.value for tag in one.tags},
        }
        for one in (run.inputs.dataset_inputs if run.inputs else [])
    ]
    tags = {key: scrub(value) for key, value in sorted(run.data.tags.items()) if key != "mlflow.user"}
    return {
        "run_id": run.info.run_id,
        "status": run.info.status,
        "start_time": run.info.start_time,
        "end_time": run.info.end_time,
        "tags": tags,
        "params": {key: scrub(value) for key, value in sorted(run.data.params.items())},
        "metrics": history,
        "datasets": datasets,
    }


def _artifacts(client: "MlflowClient", run: "Run", scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of a run's artifacts, without pages and pictures."""
    waiting: list[str | None] = [None]
    while waiting:
        for one in client.list_artifacts(run.info.run_id, waiting.pop()):
            path = Path(one.path)
            if path.parts[0] in LEFT_OUT or path.suffix in PICTURES:
                continue
            if one.is_dir:
                waiting.append(one.path)
                continue
            local = scratch / run.info.run_id
            local.mkdir(exist_ok=True)
            data = Path(client.download_artifacts(run.info.run_id, one.path, str(local))).read_bytes()
            yield one.path, scrub(data.decode()).encode() if path.suffix in TEXT else data


def _without_repeats(run_ids: Sequence[str], members: Mapping[str, bytes]) -> dict[str, bytes]:
    """All members, but of a kind of record with large arrays those of the first run that has it alone."""
    dropped = set()
    for stem in {Path(name).stem for name, data in members.items() if name.endswith(".npz") and len(data) > LARGE}:
        owners = [run_id for run_id in run_ids if f"{run_id}/{stem}.npz" in members]
        dropped |= {f"{run_id}/{stem}{suffix}" for run_id in owners[1:] for suffix in (".json", ".npz")}
    return {name: data for name, data in members.items() if name not in dropped}


def _arms(runs: Sequence[Mapping[str, Any]], members: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """What each arm that counts reached, in percent, with 95 % intervals of what has one."""
    found = []
    for run in runs:
        tags = run["tags"]
        if tags.get("kind") != "child" or run["status"] != "FINISHED" or tags.get("superseded") == "true":
            continue
        result = json.loads(members[f"{run['run_id']}/result.json"])
        names = ("arm", "control", "of", "label", "seed")
        facts = {name: result[name] for name in names} | {"split": int(tags.get("split", 0))}
        numbers = {name: result["metrics"][name] for name in ("mAP", "rank1")}
        found.append({"run": run["run_id"], **facts, **numbers, "intervals": result["intervals"]})
    if not found:
        raise ExportError("that job has no finished arm.")
    return found


def scrub(text: str) -> str:
    """A text with each picture as one pixel of the same format, and without absolute paths of this machine."""
    text = PICTURE.sub(lambda found: _pixel(found[1]), text)
    for folder, shown in ((Path.cwd(), "."), (Path.home(), "~")):
        if len(folder.parts) > 1:
            text = text.replace(f"{folder}/", f"{shown}/")
    return PATH.sub("<path>", text)


@cache
def _pixel(kind: str) -> str:
    """Data URI of one grey pixel."""
    import base64

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), (128, 128, 128)).save(buffer, format=kind)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _refuse(words: Sequence[str], name: str, text: str) -> None:
    for word in words:
        found = re.search(rf".{{0,40}}(?<!data-)\b{re.escape(word)}\b.{{0,40}}", text)  # but for --data-root
        if found:
            raise ExportError(f"{name} holds the word {word!r}, which tells where it was made: {found[0]!r}.")


def _ledger_now(store: str, index: Mapping[str, Any]) -> bytes:
    """The ledger of a job that was ended before it recorded one."""
    from reports.build import build

    with tempfile.TemporaryDirectory() as scratch:
        told = build(index["experiment"], parent=index["parent"], tracking_uri=store, out=Path(scratch, "out"))
    return _json(told["ledger"])


def _json(plain: object) -> bytes:
    return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()


def _archive(members: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same members: no times, no owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=9, format=tarfile.USTAR_FORMAT) as archive:
        # files of one name side by side: those of the arms are much alike
        for name in sorted(members, key=lambda name: (name.rpartition("/")[2], name)):
            entry = tarfile.TarInfo(name)
            entry.size = len(members[name])
            archive.addfile(entry, io.BytesIO(members[name]))
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
