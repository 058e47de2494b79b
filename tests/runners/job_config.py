"""The setting of a made-up job."""

from pathlib import Path
from typing import Any

import methods
from runners.plan.plan_types import JobConfig


def config(paper: str | Path, **changes: Any) -> JobConfig:
    """A paper's card under the embedded profile, with some values changed."""
    plain: dict[str, Any] = {
        "card": methods.paper(paper),
        "profile": "embedded",
        "budget": "full",
        "pretrained": "card",
        "size": None,
        "num_ids": 108,
        "data": "0" * 32,
        "reader": "datasets.readers.mars.reader",
        "device": "cpu",
        "runtime": {"torch": "x", "threads": 2},
    }
    return JobConfig(**{**plain, **changes})
