"""What a command may end with other than success."""


class RunError(ValueError):
    """The user asked for something that cannot be done as asked; the message says what to do (exit code 2)."""


class NotPossible(RuntimeError):
    """The request is sound, but not on this machine (exit code 3)."""


class ArmRejected(NotPossible):
    """A protocol does not admit an arm.

    Attributes:
        reason: what its checks saw.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["ArmRejected"], tuple[str, str]]:
        """As another process sends it."""
        return type(self), (str(self), self.reason)


class TrainingFailed(RuntimeError):
    """Training broke down; the message names the loss and the place (exit code 1)."""
