"""Variants: jobs whose options change what every arm starts from, computes in, sees or learns from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities import Run

PLAIN_PARAMETERS = ("paper", "dataset", "protocol", "profile", "budget")
"""What the parent run of every job has; its other parameters are what options changed."""


def changes_of(run: "Run") -> dict[str, str]:
    """What options changed for every arm of a job, by the option's name; nothing of a plain job.

    Args:
        run: the job's parent run.
    """
    return {str(name): str(value) for name, value in sorted(run.data.params.items()) if name not in PLAIN_PARAMETERS}


def in_words(changes: Mapping[str, str]) -> str:
    """``precision bf16, pretrained none``; empty of a plain job."""
    return ", ".join(f"{name} {value}" for name, value in sorted(changes.items()))
