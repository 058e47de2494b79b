"""What a method offers to the arms of a card: its options, their readings, the losses of its network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from methods.cards.schema import fill
from methods.errors import MethodError, unknown


@dataclass(frozen=True, slots=True)
class Choices:
    """What a method's ``options.py`` declares.

    Attributes:
        kind: the frozen dataclass ``Options``.
        readings: reading -> overrides of its defaults.
        losses: names that the method's ``losses`` knows.
        where: the file, for messages.
        deciding: options that a recipe depends on, so that an arm of other values needs another recipe.
    """

    kind: type[Any]
    readings: Mapping[str, Mapping[str, Any]]
    losses: tuple[str, ...]
    where: str
    deciding: tuple[str, ...] = ()

    def resolve(self, reading: str, options: Mapping[str, Any]) -> Any:
        """Options of a reading with overrides, which may be texts; unknown ones are a `MethodError`."""
        if reading not in self.readings:
            raise MethodError(f"{self.where}: {unknown('reading', reading, self.readings)}")
        return fill(self.kind, {**self.readings[reading], **options}, self.where, noun="option")
