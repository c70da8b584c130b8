"""What is wrong with a file, and what to do."""


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged or of another kind; the message states the remedy."""
