"""Time the live models in headless Chromium, from a local server: `make site` first.

Prints the fastest and the middle of many repeats, and the processor's time a change in all threads
of the browser: other work on the machine lengthens the former and hardly the latter.

    python benchmarks/bench_live.py --num-repeats 30
"""

import argparse
import functools
import http.server
import os
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

SITE = Path(__file__).resolve().parent.parent / "book" / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NUM_CHANGES = 500
NUM_STARTS = 3
TARGETS_MS = {
    "first picture after the click": 1500,
    "one image, new seed": 30,
    "one image, new weights": 30,
    "strip of four, new seed": 120,
    "strip of four, new weights": 120,
    "strip of four, input to paint": 150,
}

# Milliseconds of each change; `change` gets the draft of the state and the number of the repeat.
MEASURE = """async ([count, change, toPaint]) => {
    const live = document.querySelector("live-playground");
    const edit = new Function("draft", "k", change);
    const times = [];
    for (let k = 0; k < count; k++) {
        const start = performance.now();
        const drawn = new Promise(done =>
            live.addEventListener("live-drawn", done, { once: true }));
        live.store.update(draft => edit(draft, k));
        await drawn;
        if (toPaint) await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        times.push(performance.now() - start);
    }
    return times;
}"""
SHOW = """async given => {
    const { store } = document.querySelector("live-playground");
    store.update(draft => Object.assign(draft, store.parse(given)));
}"""
SEED = "draft.seed = 100 + k"
WEIGHTS = """draft.pictures.forEach(picture => picture.terms.forEach(term => {
    term.amount = 0.3 + 0.6 * ((k * 37) % 100) / 100; }))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve without a word."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    """Serve the built site."""
    handler = functools.partial(Quiet, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/book/playground.html"
        server.shutdown()


def start(page: Page, address: str) -> float:
    """Open the playground and click; milliseconds from the click to the pictures."""
    page.goto(address)
    button = page.locator(".live-start")
    button.wait_for()
    page.evaluate(
        """() => {
            const live = document.querySelector("live-playground");
            const button = live.querySelector(".live-start");
            button.addEventListener("click", () => { window.clicked = performance.now(); }, true);
            live.addEventListener("live-start", () => { window.shown = performance.now(); });
        }"""
    )
    button.click()
    page.locator(".live-running").wait_for()
    return float(page.evaluate("window.shown - window.clicked"))


def measure(page: Page, count: int, change: str, *, to_paint: bool = False) -> list[float]:
    """Milliseconds of each of `count` changes."""
    return list(page.evaluate(MEASURE, [count, change, to_paint]))


def strip(*models: str) -> dict[str, Any]:
    """A state of half-way models."""
    return {"pictures": [{"base": "human", "terms": [{"model": m, "amount": 0.5}]} for m in models]}


class Usage:
    """What the browser and all its processes use."""

    def __init__(self, pid: int) -> None:
        self.root = psutil.Process(pid)

    def _processes(self) -> list[psutil.Process]:
        return [self.root, *self.root.children(recursive=True)]

    def megabytes(self) -> float:
        """Resident memory."""
        return sum(process.memory_info().rss for process in self._processes()) / 1e6

    def cpu_ms(self) -> float:
        """Milliseconds of processor time so far."""
        times = [process.cpu_times() for process in self._processes()]
        return 1000 * sum(time.user + time.system for time in times)


def report(name: str, times: list[float], cpu_ms: float) -> None:
    """Print one line."""
    fastest, middle = min(times), statistics.median(times)
    print(
        f"{name:<32} fastest {fastest:7.1f}  middle {middle:7.1f}  processor {cpu_ms:7.1f}  "
        f"target {TARGETS_MS[name]} ms",
        flush=True,
    )


def run(browser: Browser, usage: Usage, address: str, num_repeats: int) -> None:
    """Measure everything."""
    starts, before = [], usage.cpu_ms()
    for _ in range(NUM_STARTS):
        page = browser.new_context(bypass_csp=True).new_page()
        page.set_default_timeout(300_000)
        starts.append(start(page, address))
    report("first picture after the click", starts, (usage.cpu_ms() - before) / NUM_STARTS)

    def change(name: str, how: str, *, to_paint: bool = False) -> None:
        before = usage.cpu_ms()
        times = measure(page, num_repeats, how, to_paint=to_paint)
        report(name, times, (usage.cpu_ms() - before) / num_repeats)

    shown = {"one image": ["toon"], "strip of four": ["toon", "dog", "cat", "wild"]}
    for count, models in shown.items():
        page.evaluate(SHOW, strip(*models))
        measure(page, 3, SEED)
        change(f"{count}, new seed", SEED)
        change(f"{count}, new weights", WEIGHTS)
    change("strip of four, input to paint", WEIGHTS, to_paint=True)


def report_memory(browser: Browser, usage: Usage, address: str) -> None:
    """Memory after a warm-up, half-way and after many changes of weights and latents."""
    page = browser.new_context(bypass_csp=True).new_page()
    page.set_default_timeout(1_200_000)
    start(page, address)
    both = f"{SEED}; {WEIGHTS}"
    seen = []
    for _ in range(3):
        measure(page, NUM_CHANGES // 2, both)
        time.sleep(2)
        seen.append(f"{usage.megabytes():.0f} MB")
    print(f"memory, each {NUM_CHANGES // 2} changes later: {', '.join(seen)}")


def main() -> None:
    """Start the browser and the server, and measure."""
    parser = argparse.ArgumentParser(description="Time the live models in headless Chromium.")
    parser.add_argument("--num-repeats", type=int, default=30)
    options = parser.parse_args()
    found = [os.environ.get("SA_CHROMIUM"), *NAMES]
    executable = next(filter(None, (shutil.which(name) for name in found if name)), None)
    with served() as address, sync_playwright() as playwright:
        port = 9333
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}"],
        )
        usage = Usage(_browser_pid(port))
        run(browser, usage, address, options.num_repeats)
        report_memory(browser, usage, address)
        browser.close()


def _browser_pid(port: int) -> int:
    """The process that listens on the debugging port which was asked for."""
    flag = f"--remote-debugging-port={port}"
    for process in psutil.process_iter(["pid", "cmdline"]):
        command = process.info["cmdline"] or []
        if flag in command and not any(part.startswith("--type=") for part in command):
            return int(process.info["pid"])
    raise RuntimeError("The browser's process was not found.")


if __name__ == "__main__":
    main()
