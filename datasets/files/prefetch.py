"""Work that is done ahead of whoever needs its results: reading and decoding while a network is busy."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Results of some work, in order, the next ones under way.

    Args:
        work: done on every item, once; by threads, so it must be safe to be done by several at once.
        items: what it is done on.
        threads: how many are at it; as many results are kept ready and no more. With 0 each is done when asked for.

    Yields:
        One result for each item.

    Raises:
        Whatever the work raises, where its result would have come.
    """
    if not threads:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        coming: deque[Future[R]] = deque()
        try:
            for item in items:
                coming.append(pool.submit(work, item))
                if len(coming) > threads:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:  # nobody asks for these any more
                future.cancel()
