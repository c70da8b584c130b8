"""Downloads that can be interrupted, and that end in the right file or in none.

Tested against a local server; the servers of the registry have not been reached by the tests.
"""

import errno
import hashlib
import http.client
import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sa_helpers import checkpoints
from sa_helpers.checkpoints import CheckpointError
from sa_helpers.runtime import progress, replacing, shown

_BLOCK_BYTES = 1 << 20
_MAX_BYTES = 1 << 33  # larger than any published checkpoint
_MAX_NOTE_BYTES = 1 << 12
_TIMEOUT_SEC = 30.0
_USER_AGENT = "sa_helpers"
_SCHEMES = ("http://", "https://")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_VERSION = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,200}")  # what may stand in a header


class DownloadError(RuntimeError):
    """A file could not be downloaded, or is not what it should be; the message has the remedy."""


def download(
    url: str,
    path: str | Path,
    *,
    num_bytes: int | None = None,
    sha256: str | None = None,
) -> Path:
    """Download a checkpoint, or continue where an earlier call was interrupted.

    What has arrived is kept beside `path`, with the ending `.part`, until the file is complete and
    checked. Where no hash is published, the first download writes down its own, as `<path>.sha256`;
    later ones have to match it. A file that is there already is checked and left.

    Args:
        url: Address, http or https.
        path: Where the file goes.
        num_bytes: Its size, if known.
        sha256: Its published hash, if there is one.

    Raises:
        DownloadError: No connection, an answer that is no checkpoint (such as a page of Google
            Drive), or another file than expected.
    """
    path = Path(path)
    if not url.lower().startswith(_SCHEMES):
        raise DownloadError(f"The address {shown(url)} begins with neither http:// nor https://.")
    expected = sha256 or _noted_hash(path)
    partial = path.with_name(f"{path.name}.part")
    with _on_this_disk(path):
        if path.exists():
            _check(path, url, num_bytes=num_bytes, sha256=expected)
            _discard(partial)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, partial, path, num_bytes=num_bytes)
        try:
            digest = _check(partial, url, num_bytes=num_bytes, sha256=expected)
        except DownloadError:
            _discard(partial)  # what is wrong at its end will not become right by resuming
            raise
        if expected is None:
            with replacing(_hash_path(path)) as stream:
                stream.write(f"{digest}  {path.name}\n".encode(errors="surrogateescape"))
        partial.replace(path)
        _discard(partial)
    return path


@contextmanager
def _on_this_disk(path: Path, *, num_bytes: int | None = None) -> Iterator[None]:
    """What the network makes go wrong is told elsewhere; what is left is this machine's."""
    try:
        yield
    except OSError as error:
        where = f"'{shown(error.filename2 or error.filename or path)}'"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(path.parent).free / 1e6
            needed = "the rest of the file" if num_bytes is None else f"{num_bytes / 1e6:.1f} MB"
            raise DownloadError(
                f"{where} cannot be written: the disk is full. It needs {needed} and has "
                f"{free:.1f} MB free. Make room and call again: what has arrived is kept."
            ) from error
        raise DownloadError(
            f"{where} cannot be read or written ({error.strerror or shown(error)}). Move what is "
            "there out of the way, or name another place, and call again."
        ) from error


def _hash_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _noted_hash(path: Path) -> str | None:
    """The hash that an earlier download wrote down, if there was one.

    Raises:
        DownloadError: Something else stands there, so that nothing can be compared.
    """
    note = _hash_path(path)
    with _on_this_disk(note):
        try:
            with note.open("rb") as stream:
                words = stream.read(_MAX_NOTE_BYTES).decode(errors="replace").split()
        except FileNotFoundError:
            return None
    if words and _SHA256.fullmatch(words[0]):
        return words[0]
    raise DownloadError(
        f"'{shown(note)}' should hold the SHA-256 of {shown(path.name)} and does not. Delete it, "
        "and the next download writes down its own, or put the right one there."
    )


def _check(path: Path, url: str, *, num_bytes: int | None, sha256: str | None) -> str:
    """Compare a complete file with what is known of it, and return its hash.

    Without a known hash, it has to be a checkpoint that can be opened.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if num_bytes is not None and size != num_bytes:
        raise DownloadError(
            f"'{shown(path)}' has {size} bytes; expected {num_bytes} from {shown(url)}. Delete it "
            "and download again; if that does not help, the file was replaced at its source. "
            f"{_what_else(path, url)}"
        )
    if sha256 is not None and digest != sha256.lower():
        raise DownloadError(
            f"'{shown(path)}' has SHA-256 {digest}; expected {sha256}, the published one or that "
            f"of the first download. It is damaged, or was replaced at {shown(url)}. Delete it and "
            f"download again; if you trust the new file, delete {shown(_hash_path(path).name)} "
            f"too. {_what_else(path, url)}"
        )
    if sha256 is None and (problem := _what_else(path, url)):
        raise DownloadError(problem)
    return digest


def _what_else(path: Path, url: str) -> str:
    """Say what a file is, as far as it is no checkpoint that can be opened; else nothing."""
    try:
        checkpoints.describe(path)
    except CheckpointError as error:
        with path.open("rb") as stream:
            head = stream.read(60)
        return (
            f"{shown(url)} did not answer with a whole checkpoint: {shown(error, max_length=1000)} "
            f"It begins with {shown(head)}."
        )
    return ""


def _fetch(url: str, partial: Path, path: Path, *, num_bytes: int | None) -> None:
    """Bring the partial file to its end."""
    have = partial.stat().st_size if partial.is_file() else 0
    if num_bytes is not None and have == num_bytes:
        return
    try:
        with _open(url, _resume_headers(partial, have)) as response:
            is_part = response.status == 206
            is_astray = is_part and _first_byte(response) != have
            if is_astray and not have:
                raise ValueError("it answers with a part of the file that was not asked for")
            if not is_part:
                have = 0
                _note_version(partial, response)
            if not is_astray:
                _append(response, partial, have, limit=num_bytes or _MAX_BYTES)
        if is_astray:
            _discard(partial)
            _fetch(url, partial, path, num_bytes=num_bytes)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # it was complete, or the file is another one by now
            _discard(partial)
            _fetch(url, partial, path, num_bytes=num_bytes)
            return
        raise DownloadError(
            f"{shown(url)} answered {error.code} ({shown(error.reason)}). Try later, or get the "
            f"file with a browser and put it at {shown(path)}."
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(
            f"{shown(url)} cannot be reached, or broke off ({shown(error)}). What has arrived is "
            "kept: call again to go on. Without a network, get the file elsewhere and put it at "
            f"{shown(path)}."
        ) from error


class _OnlyWeb(urllib.request.HTTPRedirectHandler):
    """Follows redirections from the web to the web."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.lower().startswith(_SCHEMES):
            raise DownloadError(
                f"{shown(req.full_url)} leads to {shown(newurl)}, which is neither http:// nor "
                "https://, and is not followed. Get the file from another source."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, headers: dict[str, str]) -> Any:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _OnlyWeb(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT, **headers})
    response = opener.open(request, timeout=_TIMEOUT_SEC)
    if response is None:  # an opener without a handler for the scheme returns nothing
        raise ValueError("the address is of no kind that can be asked")
    return response


def _resume_headers(partial: Path, have: int) -> dict[str, str]:
    """Ask for the rest, but only of the same version of the file."""
    version = _noted_version(partial)
    if not have or version is None:
        return {}
    return {"Range": f"bytes={have}-", "If-Range": version}


def _first_byte(response: Any) -> int | None:
    unit, _, span = (response.headers.get("Content-Range") or "").partition(" ")
    first = span.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else None


def _total(response: Any, have: int) -> int | None:
    """Bytes of the whole file, as far as the answer tells: a part may be shorter than the rest."""
    whole = (response.headers.get("Content-Range") or "").rpartition("/")[2]
    if whole.isdecimal():
        return int(whole)
    announced = response.headers.get("Content-Length") or ""
    return have + int(announced) if announced.isdecimal() else None


def _version_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _note_version(partial: Path, response: Any) -> None:
    """Write down which version of the file is coming; without one, nothing can be resumed."""
    tag = response.headers.get("ETag")
    is_strong = tag and not tag.startswith("W/")
    version = tag if is_strong else response.headers.get("Last-Modified")
    path = _version_path(partial)
    with _on_this_disk(path), replacing(path) as stream:
        stream.write(json.dumps({"version": version}).encode())


def _noted_version(partial: Path) -> str | None:
    """What the server called this version; whatever cannot be that counts as nothing."""
    try:
        with _version_path(partial).open("rb") as stream:
            version = json.loads(stream.read(_MAX_NOTE_BYTES))["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else None


def _append(response: Any, partial: Path, have: int, *, limit: int) -> None:
    total = _total(response, have)
    size = have
    left = None if total is None else total - have
    with _on_this_disk(partial):
        stream = partial.open("r+b" if have else "wb")
    with stream:
        stream.truncate(have)
        stream.seek(have)
        for block in _blocks(response, total=total, have=have, name=shown(partial.stem)):
            size += len(block)
            if size > limit:
                _discard(partial)
                raise DownloadError(
                    f"{shown(response.url)} sends more than the {limit} bytes that were expected. "
                    "The file was replaced at its source, or the address is wrong."
                )
            with _on_this_disk(partial, num_bytes=left):
                stream.write(block)
                stream.flush()
    if total is not None and size < total:
        raise http.client.IncompleteRead(b"", total - size)


def _blocks(response: Any, *, total: int | None, have: int, name: str) -> Iterator[bytes]:
    blocks = iter(lambda: response.read(_BLOCK_BYTES), b"")
    num_blocks = None if total is None else -(-(total - have) // _BLOCK_BYTES)
    return progress(blocks, desc=f"{name} [MiB]", total=num_blocks)


def _discard(partial: Path) -> None:
    for path in (partial, _version_path(partial)):
        with _on_this_disk(path):
            path.unlink(missing_ok=True)
