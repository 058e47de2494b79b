"""A finished training as a file that is shipped: its trunk in 8 bits a channel, and the card that says all about it."""

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

import protocols
from datasets.files.provenance import provenance_of
from datasets.frames.decoded import FrameStore
from datasets.tracklet import Split
from files import digest
from files.atomic import write_text
from files.formats import arrays, json, safetensors
from methods.interface import FrameThenTime
from methods.layers.resnet import trunks_of
from methods.starts.card import CARD, FORMAT, NO_SEED, WEIGHTS, HeldOut, SeenData, StartCard, Training, read_card
from methods.starts.load import state_of
from methods.starts.quantise import error_of, quantise, restore
from runners.errors import RunError
from runners.evaluation.encode import TestInputs, encode_test_set
from runners.evaluation.score import score_test_set
from runners.plan.frame_cache import folder_of_frames
from runners.plan.step_store import RECORD, read_json
from runners.pretraining import train
from runners.pretraining.plan import PlannedStart
from runners.pretraining.train import build_network, labels_of
from runners.progress import note
from runners.training.frame_features import extract_frame_features

PROTOCOL = "res50-rgb-single-pass"
LARGEST_FILE = 30_000_000  # bytes that the repository may carry in one file of weights
TRUNK = "trunk."


@dataclass(frozen=True)
class Made:
    """A finished training.

    Attributes:
        weights: of the whole network.
        log: rows of its curve.
        about: what it recorded of itself; ``initial`` and, of a training by this command, ``frames`` and ``images``.
        recorded_runtime: what its bits depend on; empty where nothing recorded it.
        note: for the card.
    """

    weights: Mapping[str, Tensor]
    log: list[dict[str, Any]]
    about: Mapping[str, Any]
    recorded_runtime: Mapping[str, Any]
    note: str = ""


def pack(planned: PlannedStart, made: Made, out: Path, work: Path, name: str = "") -> StartCard:
    """Write the file and its card, and measure on people it did not learn what 8 bits cost.

    Args:
        planned: how it was trained.
        made: what came out.
        out: folder of both files.
        work: folder of decoded frames.
        name: of the start; empty for ``synthwalk-resnet`` and its depth.

    Returns:
        The card, as it lies beside the file.

    Raises:
        RunError: the weights are those of another network, or the file is too large to be shipped.
        MethodError: a weight is not finite.
    """
    name = name or planned.name
    trunk = {key.removeprefix(TRUNK): value for key, value in made.weights.items() if key.startswith(TRUNK)}
    if not trunk:
        raise RunError(f"the weights of {name} have no entry that begins with {TRUNK!r}; expected those of a training.")
    stored = quantise(trunk)
    again = restore(stored, name)
    error = error_of(trunk, again)
    held_out = tuple(_held_out(planned, split, trunk, again, work) for split in planned.splits)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}{WEIGHTS}"
    unfinished = file.with_suffix(".new")
    safetensors.save(stored, unfinished)
    size = unfinished.stat().st_size
    if size > LARGEST_FILE:
        unfinished.unlink()
        raise RunError(f"{file} would have {size:,} bytes, and a shipped start has {LARGEST_FILE:,} at most.")
    unfinished.replace(file)
    card = StartCard(
        name=name,
        format=FORMAT,
        depth=planned.depth,
        sha256=digest.sha256(file),
        bytes=size,
        has_seen=tuple(_seen(split) for split in planned.splits),
        training=_training(planned, made),
        largest_error=round(error.largest, 6),
        mean_error=round(error.mean, 6),
        held_out=held_out,
        note=made.note,
    )
    path = file.with_suffix(CARD)
    write_text(path, card.as_text())
    return read_card(path)


def facts_of(card: StartCard) -> dict[str, Any]:
    """What a card says, and what its file holds, once the file is what the card says.

    Raises:
        MethodError: the file is absent, damaged, or another one.
    """
    state = state_of(card)
    weights = sum(value.numel() for value in state.values())
    about = {key: value for key, value in dataclasses.asdict(card).items() if key != "path"}
    return {"file": str(card.weights), "weights": weights, **about}


def _training(planned: PlannedStart, made: Made) -> Training:
    images = sum(len(tracklet.frames) for split in planned.splits for tracklet in split.train)
    losses = [row["loss"] for row in made.log]
    return Training(
        frames=int(made.about.get("frames", made.log[-1]["frames"])),
        identities=planned.identities,
        tracklets=len(labels_of(planned)),
        images=images,
        labels=planned.recipe.labels,
        size=planned.size,
        seed=planned.seed,
        precision=planned.precision,
        initial=str(made.about["initial"]),
        final_loss=round(float(losses[-1]), 4),
        recipe=_plain({**dataclasses.asdict(planned.stage), "network": dict(planned.recipe.network)}),
        runtime=_plain(made.recorded_runtime),
    )


def _plain(value: Any) -> Any:
    """Without what is None, which TOML does not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items() if inner is not None}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _seen(split: Split) -> SeenData:
    known = provenance_of(split)
    seed = NO_SEED if known.seed is None else known.seed
    return SeenData(known.name, split.fingerprint, known.version, known.content, seed, known.style)


def _held_out(
    planned: PlannedStart, split: Split, trunk: Mapping[str, Tensor], again: Mapping[str, Tensor], work: Path
) -> HeldOut:
    """mAP of the trunk's mean over frames on a world's test half, as it was trained and as it is stored."""
    store = FrameStore.build(
        split.test, split.root, folder_of_frames(work), planned.size, fingerprint=split.fingerprint
    )
    found = []
    for title, state in (("as trained", trunk), ("in 8 bits", again)):
        network = build_network(planned, 1).eval()
        _fill(network, state)
        found.append(_mean_average_precision(planned, network, split, store, f"score {split.root.name} {title}"))
        note(f"{split.root.name}, held-out people, {title}: mAP {found[-1]:.2f}")
    counts = split.counts()
    return HeldOut(split.root.name, counts["test_ids"], counts["query_tracklets"], *(round(one, 3) for one in found))


def _fill(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    ((_, trunk),) = trunks_of(network)
    trunk.load_start(state)


def _mean_average_precision(
    planned: PlannedStart, network: nn.Module, split: Split, store: FrameStore, title: str
) -> float:
    assert isinstance(network, FrameThenTime)  # the baseline is one
    protocol, how = protocols.load(PROTOCOL), planned.stage.normalise
    with tempfile.TemporaryDirectory() as scratch:
        extract_frame_features(
            network, store, how, device=planned.device, precision=planned.precision, folder=Path(scratch), title=title
        )
        features = arrays.load_npy(Path(scratch) / "features.npy", error=RunError)
    encoded = encode_test_set(
        network, protocol, TestInputs(store, features, how, planned.device, planned.precision, title)
    )
    return score_test_set(encoded, split, protocol, store).metrics["mAP"]


def made_here(folder: Path, note_on_card: str = "") -> Made:
    """A training of this command, from its folder.

    Args:
        folder: of the finished step.
        note_on_card: for the card.
    """
    inputs = read_json(folder / RECORD)["inputs"]
    weights = safetensors.load(folder / train.WEIGHTS, error=RunError)
    log, about = read_json(folder / "log.json"), read_json(folder / "start.json")
    return Made(weights, log, about, inputs["runtime"], note_on_card)


def made_elsewhere(weights: Path, log: Path, initial: str, note_on_card: str = "") -> Made:
    """A training by the same recipe but not by this command, from its files; nothing recorded what its bits depend on.

    Args:
        weights: of the whole network.
        log: rows of its curve, as JSON.
        initial: where its initial weights came from, for the card.
        note_on_card: for the card.

    Raises:
        RunError: a file is absent or damaged, or the curve has no rows.
    """
    found = safetensors.load(weights, error=RunError)
    rows = json.read(log, error=RunError)
    if not isinstance(rows, list) or not rows or not {"loss", "frames"} <= set(rows[-1]):
        raise RunError(f"{log}: expected rows of a training curve, each with loss and frames; name that of {weights}.")
    return Made(found, rows, {"initial": initial}, {}, note_on_card)
