"""Work that is cut off in its middle, as by Ctrl-C or the end of its process."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest


@contextmanager
def cut_off_at_call(number: int, owner: object, name: str) -> Iterator[None]:
    """What is done in here must end at a call of a function.

    Args:
        number: of the call, from 1.
        owner: the module that holds the function.
        name: of the function there.
    """
    real, calls = getattr(owner, name), itertools.count(1)

    def dies(*given: Any, **named: Any) -> Any:
        if next(calls) >= number:
            raise KeyboardInterrupt
        return real(*given, **named)

    with mock.patch.object(owner, name, dies), pytest.raises(KeyboardInterrupt):
        yield
