"""Downloads that can be interrupted, and that end in the right file or in none.

Tested against a local server; the servers of the registry have not been reached by the tests.
"""

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sa_helpers.checkpoints import CheckpointError, require_weights_file
from sa_helpers.runtime import progress, replacing

_BLOCK_BYTES = 1 << 20
_MAX_BYTES = 1 << 33  # larger than any published checkpoint
_TIMEOUT_SEC = 30.0
_USER_AGENT = "sa_helpers"


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
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"The address {url!r} begins with neither http:// nor https://.")
    expected = sha256 or _noted_hash(path)
    if path.is_file():
        _check(path, url, num_bytes=num_bytes, sha256=expected)
        return path
    partial = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    _fetch(url, partial, path, num_bytes=num_bytes)
    try:
        digest = _check(partial, url, num_bytes=num_bytes, sha256=expected)
    except DownloadError:
        _discard(partial)  # what is wrong at its end will not become right by resuming
        raise
    if expected is None:
        with replacing(_hash_path(path)) as stream:
            stream.write(f"{digest}  {path.name}\n".encode())
    partial.replace(path)
    _discard(partial)
    return path


def _hash_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _noted_hash(path: Path) -> str | None:
    note = _hash_path(path)
    return note.read_text(encoding="utf-8").split()[0] if note.is_file() else None


def _check(path: Path, url: str, *, num_bytes: int | None, sha256: str | None) -> str:
    """Compare a complete file with what is known of it, and return its hash."""
    try:
        require_weights_file(path)
    except CheckpointError as error:
        raise DownloadError(f"{url} did not answer with a checkpoint. {error}") from error
    size = path.stat().st_size
    if num_bytes is not None and size != num_bytes:
        raise DownloadError(
            f"{path} has {size} bytes; expected {num_bytes} from {url}. Delete it and download "
            "again; if that does not help, the file was replaced at its source."
        )
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    if sha256 is not None and digest.hexdigest() != sha256.lower():
        raise DownloadError(
            f"{path} has SHA-256 {digest.hexdigest()}; expected {sha256}, the published one "
            f"or that of the first download. It is damaged, or was replaced at {url}. Delete it "
            f"and download again; if you trust the new file, delete {_hash_path(path).name} too."
        )
    return digest.hexdigest()


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
            f"{url} answered {error.code} ({error.reason}). Try later, or get the file with a "
            f"browser and put it at {path}."
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(
            f"{url} cannot be reached, or broke off ({error}). What has arrived is kept: call "
            f"again to go on. Without a network, get the file elsewhere and put it at {path}."
        ) from error


def _open(url: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT, **headers})
    return urllib.request.urlopen(request, timeout=_TIMEOUT_SEC)


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
    announced = response.headers.get("Content-Length")
    return None if announced is None else have + int(announced)


def _version_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _note_version(partial: Path, response: Any) -> None:
    """Write down which version of the file is coming; without one, nothing can be resumed."""
    tag = response.headers.get("ETag")
    is_strong = tag and not tag.startswith("W/")
    version = tag if is_strong else response.headers.get("Last-Modified")
    with replacing(_version_path(partial)) as stream:
        stream.write(json.dumps({"version": version}).encode())


def _noted_version(partial: Path) -> str | None:
    try:
        version = json.loads(_version_path(partial).read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def _append(response: Any, partial: Path, have: int, *, limit: int) -> None:
    total = _total(response, have)
    size = have
    with partial.open("r+b" if have else "wb") as stream:
        stream.truncate(have)
        stream.seek(have)
        for block in _blocks(response, total=total, have=have, name=partial.stem):
            size += len(block)
            if size > limit:
                _discard(partial)
                raise DownloadError(
                    f"{response.url} sends more than the {limit} bytes that were expected. "
                    "The file was replaced at its source, or the address is wrong."
                )
            stream.write(block)
    if total is not None and size < total:
        raise http.client.IncompleteRead(b"", total - size)


def _blocks(response: Any, *, total: int | None, have: int, name: str) -> Iterator[bytes]:
    blocks = iter(lambda: response.read(_BLOCK_BYTES), b"")
    num_blocks = None if total is None else -(-(total - have) // _BLOCK_BYTES)
    return progress(blocks, desc=f"{name} [MiB]", total=num_blocks)


def _discard(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _version_path(partial).unlink(missing_ok=True)
