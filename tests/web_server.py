"""A web server on this machine that serves bytes and, if told to, misbehaves."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What is served, how, and what was asked for.

    Attributes:
        files: Path to content.
        cut_after: Send only so many bytes of an answer, then close the connection.
        has_ranges: Whether parts of files can be asked for.
        part_shift: Answers to such a request begin so many bytes later.
        part_limit: They are no longer than this.
        has_length: Whether answers say how long they are.
        length: What they say instead, if set.
        redirections: Path to another address.
        status: Answer everything with this status, if set.
        requests: (path, Range header) of every request.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: int | None = None
    has_ranges: bool = True
    part_shift: int = 0
    part_limit: int | None = None
    has_length: bool = True
    length: str | None = None
    redirections: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            site.requests.append((self.path, asked))
            if self.path in site.redirections:
                self.send_response(302)
                self.send_header("Location", site.redirections[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content = site.files.get(self.path)
            if site.status or content is None:
                self.send_error(site.status or 404)
                return
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            start = 0
            is_same = self.headers.get("If-Range") in (None, tag)
            if asked and site.has_ranges and is_same:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            self.send_header("ETag", tag)
            part = content
            if start:
                start += site.part_shift
                part = content[start:][: site.part_limit]
                last = start + len(part) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            if site.has_length:
                self.send_header("Content-Length", site.length or str(len(part)))
            self.end_headers()
            self.wfile.write(part if site.cut_after is None else part[: site.cut_after])

    return Handler


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """Serve a site on 127.0.0.1 while the block lasts."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
