"""Text that comes from files or from the network: shown safely, and read within bounds."""

import json
import reprlib
import tomllib
from pathlib import Path, PurePath
from typing import Any

_MAX_SHOWN = 200
_MAX_BYTES = 1 << 24  # far more than any settings; whoever reads more passes another bound
_SHORT = reprlib.Repr()  # however large or deep it is


def shown(value: object, *, max_length: int = _MAX_SHOWN) -> str:
    r"""Put what a file says into a message: one line, shortened, nothing that a terminal obeys.

    Args:
        value: Usually text or an exception; of lists and tables the beginning is shown.
        max_length: Letters that are shown; the middle of what is longer is left out.

    Returns:
        The text with control characters, line ends and lone surrogates as escapes such as `\x1b`.
    """
    is_plain = isinstance(value, str | bytes | BaseException | PurePath | int | float)
    try:
        text = str(value) if is_plain else _SHORT.repr(value)
    except ValueError:  # Python writes no integers of more than some thousand digits
        text = "a number of thousands of digits"
    if len(text) > max_length:
        half = max_length // 2
        text = f"{text[:half]} … {text[-half:]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def read_json(path: Path, *, max_bytes: int = _MAX_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It cannot be read, is too large, or is no JSON; path and cause are stated.
    """
    text = _read_text(path, max_bytes=max_bytes)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"'{shown(path)}' is no valid JSON ({shown(error)}).") from error


def read_toml(path: Path, *, max_bytes: int = _MAX_BYTES) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It cannot be read, is too large, or is no TOML; path and cause are stated.
    """
    text = _read_text(path, max_bytes=max_bytes)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"'{shown(path)}' is no valid TOML ({shown(error)}).") from error


def _read_text(path: Path, *, max_bytes: int) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"'{shown(path)}' cannot be read ({error.strerror}).") from error
    if len(content) > max_bytes:
        raise ValueError(f"'{shown(path)}' has more than {max_bytes} bytes, too many.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"'{shown(path)}' is no UTF-8 text ({error.reason}).") from error
