"""What processes that share the work tell each other: small arrays, through torch.distributed (gloo or NCCL)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ProtocolError

Result = TypeVar("Result")


class Processes(Protocol):
    """Several processes that run the same steps; every call must be made by all of them, in the same order."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def gather(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """The arrays [n, ...] of all processes, by rank; n may differ, type and further sizes may not."""
        ...


class TorchProcesses:
    """The processes of a torch.distributed group, as ``torchrun`` starts them.

    Args:
        group: a process group; by default that of all processes.
    """

    def __init__(self, group: Any = None) -> None:
        import torch
        from torch import distributed

        self._group = group
        self._distributed = distributed
        self.rank: int = distributed.get_rank(group)
        self.size: int = distributed.get_world_size(group)
        on_gpu = distributed.get_backend(group) == "nccl"
        self._device = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")

    def gather(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """See `Processes.gather`; the bytes are sent as they are, so that numbers arrive to the digit."""
        import torch

        sent = np.frombuffer(np.ascontiguousarray(array).tobytes(), dtype=np.uint8).copy()
        own = torch.tensor([len(sent)], device=self._device)
        lengths = [torch.zeros_like(own) for _ in range(self.size)]
        self._distributed.all_gather(lengths, own, group=self._group)
        sizes = [int(one) for one in lengths]
        room = torch.zeros(max(*sizes, 1), dtype=torch.uint8, device=self._device)
        room[: len(sent)] = torch.from_numpy(sent).to(self._device)
        parts = [torch.empty_like(room) for _ in range(self.size)]
        self._distributed.all_gather(parts, room, group=self._group)
        return [
            part[:size].cpu().numpy().view(array.dtype).reshape(-1, *array.shape[1:])
            for part, size in zip(parts, sizes, strict=True)
        ]


def total(processes: Processes, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sum over the processes of arrays of one shape."""
    found: NDArray[np.int64] = np.sum(processes.gather(counts), axis=0)
    return found


def agreed(
    processes: Processes, step: Callable[[], Result], errors: tuple[type[Exception], ...] = (ProtocolError,)
) -> Result:
    """Takes a step that may fail in one process alone, and fails in all of them then, so that none waits for ever.

    Args:
        processes: who takes it.
        step: what to do.
        errors: what counts as a failure; anything else ends this process at once.

    Raises:
        ProtocolError: what the first process that failed said, and which one it was unless all said the same.
    """
    message = ""
    results: list[Result] = []
    try:
        results.append(step())
    except errors as error:
        message = str(error) or type(error).__name__
    said = [other.tobytes().decode() for other in processes.gather(np.frombuffer(message.encode(), dtype=np.uint8))]
    if not any(said):
        return results[0]
    rank = next(rank for rank, text in enumerate(said) if text)
    alike = all(text == said[rank] for text in said)
    raise ProtocolError(said[rank] if alike else f"process {rank} of {processes.size}: {said[rank]}")
