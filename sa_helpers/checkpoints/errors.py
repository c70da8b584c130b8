"""What is wrong with a file, and what to do."""

_MAX_LENGTH = 1500


def shown(value: object, *, max_length: int = 200) -> str:
    r"""Put what a file says into a message: one line, shortened, nothing that a terminal obeys.

    Args:
        value: Text, a number or an exception; nothing that may be nested.
        max_length: Letters that are shown; the middle of what is longer is left out.

    Returns:
        The text with control characters, line ends and lone surrogates as escapes such as `\x1b`.
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > max_length:
        half = max_length // 2
        text = f"{text[:half]} … {text[-half:]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged or of another kind; the message states the remedy.

    The message is safe to print, whatever the file has made part of it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(shown(message, max_length=_MAX_LENGTH))
