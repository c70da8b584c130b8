"""What is wrong with a file, and what to do."""

from sa_helpers.runtime import shown

_MAX_LENGTH = 1500


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged or of another kind; the message states the remedy.

    The message is safe to print, whatever the file has made part of it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(shown(message, max_length=_MAX_LENGTH))
