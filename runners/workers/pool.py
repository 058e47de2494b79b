"""Tasks of a schedule in several processes, which end with the process that began them, however that ends."""

import contextvars
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import Any, Final

from tqdm import tqdm

from runners.errors import RunError
from runners.progress import note, shown_on
from runners.workers.schedule import Schedule, Task, seconds_left
from runners.workers.screen import DrawnScreen, Queue, SentLines, SentScreen

Work = Callable[[Any, Any], Any]
_GONE: Final = 1  # exit code of a worker whose parent is gone: nobody reads it


class Pool:
    """Processes that do tasks side by side.

    They are begun when there are tasks, in the spawn context: what they are given is pickled. An error in one of them
    is raised in the command as it was raised there, and no further task is begun.
    """

    def __init__(self, workers: int, threads: int, work: Work, given: object) -> None:
        """Nothing is begun yet.

        Args:
            workers: how many processes there are at most.
            threads: that each computes with.
            work: does a task, from what is given here and with the task; a function of a module.
            given: what all tasks share.
        """
        context = multiprocessing.get_context("spawn")
        sent: Queue = context.SimpleQueue()
        self._workers, self._threads, self._work = workers, threads, work
        self._executor = ProcessPoolExecutor(workers, context, _begin, (sent, threads, given))
        self._screen = DrawnScreen(sent)
        self._ended: queue.SimpleQueue[tuple[Task, Future[Any]] | None] = queue.SimpleQueue()
        self._director: threading.Thread | None = None
        self._schedule = Schedule([])
        self._changed = threading.Condition()
        self._found: dict[Hashable, Any] = {}
        self._failure: BaseException | None = None
        self._began: dict[Hashable, float] = {}
        self._took: dict[Hashable, list[float]] = {}

    def begin(self, tasks: Sequence[Task]) -> None:
        """Do these tasks, in an order in which none waits for another; earlier ones are done.

        Args:
            tasks: in the order in which their results are wanted.
        """
        self._stop_directing()
        self._found = {}
        self._schedule = Schedule(list(tasks))
        context = contextvars.copy_context()  # notes go to the screen that is in use here
        self._director = threading.Thread(target=lambda: context.run(self._direct), name="tasks", daemon=True)
        self._director.start()

    def result(self, key: Hashable) -> Any:
        """What the work on a task gave, waited for.

        Raises:
            RunError: a process was ended from outside.
            BaseException: what this task, or another before it, was ended by.
        """
        with self._changed:
            self._changed.wait_for(lambda: key in self._found or self._failure is not None)
            if key in self._found:
                return self._found[key]
            failure = self._failure
        assert failure is not None  # it was waited for
        if isinstance(failure, BrokenProcessPool) and failure.__cause__ is None:
            raise RunError(
                "a worker was ended from outside, most likely for want of memory; finished steps are kept. Start the "
                "same command again, or with --workers 1, which needs less memory (after "
                f"OMP_NUM_THREADS={self._threads}, so that finished steps are found)."
            ) from None
        raise failure

    def close(self) -> None:
        """End all processes, at once where they are at work; nobody who stops the command waits for a training."""
        self._stop_directing()
        if self._schedule.running:
            for child in multiprocessing.active_children():
                child.terminate()
        self._executor.shutdown(cancel_futures=True)
        self._screen.close()

    def _stop_directing(self) -> None:
        if self._director is not None:
            self._ended.put(None)
            self._director.join()
            self._director = None

    def _direct(self) -> None:
        """Give out tasks, in a thread of its own: they go on while results are being recorded."""
        try:
            self._give()
            while (ended := self._ended.get()) is not None:
                task, future = ended
                if (error := future.exception()) is not None:
                    self._fail(error)
                    continue
                self._schedule.end(task)
                self._took.setdefault(task.kind, []).append(time.monotonic() - self._began[task.key])
                with self._changed:
                    self._found[task.key] = future.result()
                    self._changed.notify_all()
                if self._failure is None:
                    self._give()
                self._say()
        except BrokenProcessPool as error:  # a worker was ended while none had anything to do
            self._fail(error)

    def _give(self) -> None:
        while len(self._schedule.running) < self._workers and (task := self._schedule.start()):
            self._began[task.key] = time.monotonic()
            with _no_interrupts():
                future = self._executor.submit(_do, self._work, task.given)
            future.add_done_callback(partial(self._note_end, task))

    def _note_end(self, task: Task, future: Future[Any]) -> None:
        self._ended.put((task, future))  # and nothing else: the pool's own thread calls this

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _say(self) -> None:
        schedule = self._schedule
        waited_for = [task for task in (*schedule.running, *schedule.waiting) if task.result]
        done, total = schedule.done, schedule.done + len(waited_for)
        left = seconds_left(schedule, self._took, self._workers)
        words = "" if left is None or done == total else f", about {_time(left)} left"
        note(f"{done} of {total} results{words}")


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Processes begun in here never see Ctrl-C, which a terminal sends to all: the command ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_worker: dict[str, Any] = {}  # what this process was begun with, if it is a worker


def _begin(sent: Queue, threads: int, given: object) -> None:
    """The first that a worker does."""
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a process that is ended leaves behind
    screen = SentScreen(sent, os.getpid())
    sys.stderr = SentLines(screen)
    _worker.update(screen=screen, threads=threads, given=given)


def _do(work: Work, given: object) -> Any:
    import torch

    torch.set_num_threads(_worker["threads"])
    with shown_on(_worker["screen"]):
        return work(_worker["given"], given)


def _end_with_parent() -> None:
    """End this process as soon as the command is gone, which may have been killed; steps stand that anywhere."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # a worker has one

    def end() -> None:
        wait([parent.sentinel])
        os._exit(_GONE)

    threading.Thread(target=end, name="end with parent", daemon=True).start()
