"""Draw StyleGAN2 for the book: once in full, as small maps that point out a part, and its training.

    python book/draw_stylegan2.py            # writes book/assets/stylegan2*.svg

Columns are resolutions, rows are components, so a component reset is a row, a resolution a column,
and a layer swap a cut between columns. The drawings bring colours for the light and the dark theme.
"""

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
COLUMNS = ("4", "8", "16", "32", "64", "128")
COMPONENTS = ("mapping", "affine", "conv", "torgb")
LOW, HIGH = COLUMNS[:3], COLUMNS[3:]
# Fills and strokes in both themes, far apart for the colour-blind too (after Okabe and Ito).
COLOURS = {
    "mapping": ("#d3e6f3", "#005a8d", "#12394f", "#7cc4ee"),
    "affine": ("#fde3c3", "#8a5200", "#4a3208", "#f2b755"),
    "conv": ("#cdebdf", "#00654a", "#0d4233", "#5fd0aa"),
    "torgb": ("#f5d9e8", "#93366d", "#4b2039", "#ec9fc8"),
    "noise": ("#e9e7e4", "#5d5751", "#37332f", "#b9b1a9"),
    "constant": ("#f6f0b6", "#6b6200", "#45400d", "#d9cf5c"),
    "real": ("#f8dcd2", "#9a3412", "#4f2316", "#f5a383"),
}
INK = ("#2b2623", "#ece6e1")
PAPER = ("#ffffff", "#1f1c1a")
FADED = ("#d8d3ce", "#4a4541")
FADED_INK = ("#6f6861", "#a39b93")
LEGEND = {
    "mapping": "mapping network",
    "affine": "affine layers",
    "conv": "feature convolutions",
    "torgb": "tRGB layers",
    "constant": "learned constant",
    "noise": "noise (optional)",
}
X0, STEP, BOX = 236, 78, 58  # of the map's columns: left edge, distance, width
WIDE = 92  # a block of the full drawing


def style_sheet() -> str:
    """Write the colours of both themes as classes."""

    def rules(theme: int) -> str:
        lines = [
            f".{n}{{fill:{c[2 * theme]};stroke:{c[2 * theme + 1]}}}" for n, c in COLOURS.items()
        ]
        lines += [
            f".ink{{fill:{INK[theme]}}}.line{{stroke:{INK[theme]}}}.tip{{fill:{INK[theme]}}}",
            f".plain{{fill:{PAPER[theme]};stroke:{INK[theme]}}}",
            f".paper{{fill:{PAPER[theme]}}}.off{{fill:{PAPER[theme]};stroke:{FADED[theme]}}}",
            f".dim{{fill:{FADED_INK[theme]}}}",
        ]
        return "".join(lines)

    return f"<style>{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}</style>"


@dataclass
class Drawing:
    """Shapes of an SVG; what is not of the parts, and the columns, that are named stays pale."""

    width: int
    height: int
    title: str
    parts: Collection[str] = tuple(COLOURS)
    columns: Collection[str] = ("", *COLUMNS)
    shapes: list[str] = field(default_factory=list)

    def box(self, part: str, x: float, y: float, w: float, h: float, *, column: str = "") -> None:
        """Draw a box of a component."""
        is_lit = part == "plain" or (part in self.parts and column in self.columns)
        kind = part if is_lit else "off"
        self.shapes.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="6" '
            'stroke-width="1.6"/>'
        )

    def text(self, x: float, y: float, words: str, *, size: float = 15, kind: str = "ink",
             anchor: str = "middle", italic: bool = False, bold: bool = False) -> None:  # fmt: skip
        """Write words, which may hold `tspan` elements."""
        slant = ' font-style="italic"' if italic else ""
        weight = ' font-weight="600"' if bold else ""
        self.shapes.append(
            f'<text class="{kind}" x="{x:g}" y="{y:g}" font-size="{size:g}" '
            f'text-anchor="{anchor}"{slant}{weight}>{words}</text>'
        )

    def arrow(self, *points: tuple[float, float], tip: bool = True) -> None:
        """Draw a line through points; the last stretch, which has the tip, is level or upright."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        self.shapes.append(f'<path class="line" d="{path}" fill="none" stroke-width="1.5"/>')
        if tip:
            (x0, y0), (x, y) = points[-2:]
            dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
            corners = [(x, y), (x - 8 * dx - 4 * dy, y - 8 * dy - 4 * dx)]
            corners.append((x - 8 * dx + 4 * dy, y - 8 * dy + 4 * dx))
            shape = "L".join(f"{a:g} {b:g}" for a, b in corners)
            self.shapes.append(f'<path class="tip" d="M{shape}z"/>')

    def circle(self, kind: str, x: float, y: float, r: float, words: str) -> None:
        """Draw a circle with a word in it."""
        self.shapes.append(f'<circle class="{kind}" cx="{x:g}" cy="{y:g}" r="{r:g}" '
                           'stroke-width="1.6"/>')  # fmt: skip
        self.text(x, y + 5, words, size=14)

    def svg(self) -> str:
        """Write the file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'font-family="system-ui, sans-serif"><title>{self.title}</title>'
        )
        paper = f'<rect class="paper" width="{self.width}" height="{self.height}" rx="8"/>'
        return "\n".join([head, style_sheet(), paper, *self.shapes, "</svg>\n"])


def symbol(drawing: Drawing, x: float, y: float, letter: str, *, size: float = 20) -> None:
    """Write a mathematical letter."""
    drawing.text(x, y, letter, size=size, italic=True)


def draw_map(name: str, parts: Collection[str], columns: Collection[str]) -> Drawing:
    """Draw the small map, in which some parts have their colours and all others are pale."""
    d = Drawing(760, 214, f"Map of StyleGAN2: {name}", parts, columns)
    middle = [X0 + i * STEP + BOX / 2 for i in range(len(COLUMNS))]
    symbol(d, 22, 45, "z")
    d.arrow((34, 40), (52, 40))
    d.box("mapping", 54, 22, 96, 36)
    d.text(102, 46, "mapping", size=16)
    d.arrow((150, 40), (172, 40))
    symbol(d, 186, 45, "w")
    d.arrow((200, 40), (middle[-1], 40), tip=False)
    d.box("constant", 176, 109, 38, 38)
    d.text(195, 134, "4²", size=15)
    for x, column in zip(middle, COLUMNS, strict=True):
        left = x - BOX / 2
        d.arrow((x, 40), (x, 60))
        d.box("affine", left, 62, BOX, 24, column=column)
        d.arrow((x, 86), (x, 106))
        d.box("conv", left, 108, BOX, 40, column=column)
        d.arrow((left - STEP + BOX, 128), (left - 2, 128))
        d.text(x, 134, f"{column}²", size=15)
        d.arrow((x, 148), (x, 162))
        d.box("torgb", left, 164, BOX, 24, column=column)
        d.arrow((x, 188), (x, 200), tip=False)
    d.arrow((middle[0], 200), (722, 200))
    symbol(d, 738, 205, "x")
    d.text(X0 - 8, 80, "affine", size=16, anchor="end")
    d.text(X0 - 8, 182, "tRGB", size=16, anchor="end")
    d.text(168, 134, "convolutions", size=16, anchor="end")
    return d


def draw_block(d: Drawing, x: float, resolution: str, steps: tuple[str, str, str]) -> None:
    """Draw what one resolution has: affine layer, convolutions, tRGB, its share of the sum."""
    left = x - WIDE / 2
    d.arrow((x, 40), (x, 66))
    d.box("affine", left, 68, WIDE, 44)
    d.text(x, 88, "affine", bold=True)
    d.text(x, 105, "A w + b", italic=True, size=14)
    d.arrow((x, 112), (x, 142))
    d.text(x + 10, 134, "style s", size=13, anchor="start")
    d.box("conv", left, 144, WIDE, 150)
    d.text(x, 164, f"{resolution} × {resolution}", bold=True)
    for row, words in enumerate(steps):
        if words:
            part = "constant" if words == "constant" else "conv"
            d.box(part, left + 8, 176 + 38 * row, WIDE - 16, 30)
            d.text(x, 196 + 38 * row, words, size=14)
    d.arrow((x, 294), (x, 334))
    name = f"h<tspan dy='3' font-size='10'>{resolution}</tspan>"
    d.text(x + 10, 320, name, anchor="start", italic=True)
    d.box("torgb", left, 336, WIDE, 34)
    d.text(x, 358, "tRGB  1 × 1", size=14)
    d.arrow((x, 370), (x, 404))
    d.circle("off", x, 418, 13, "+")


def draw_synthesis(d: Drawing) -> None:
    """Draw the blocks of the synthesis network, the chain of feature maps and the sum of images."""
    middle = [232 + i * 112 for i in range(5)]
    d.arrow((200, 40), (middle[-1], 40), tip=False)
    draw_block(d, middle[0], "4", ("constant", "", "conv1"))
    d.arrow((middle[0], 206), (middle[0], 250))
    for x, resolution in zip(middle[1:], ("8", "16", "", "R"), strict=True):
        if resolution:
            draw_block(d, x, resolution, ("up × 2", "conv0", "conv1"))
        else:
            d.text(x, 250, "…", size=26)
    for left, right in itertools.pairwise(middle):
        gap = 22 if right == middle[3] else WIDE / 2 + 2
        d.arrow((left + (22 if left == middle[3] else WIDE / 2), 244), (right - gap, 244))
        d.arrow((left + 14, 418), (right - 15, 418))
        d.text((left + right) / 2, 412, "up", size=13, kind="dim")
    d.arrow((middle[-1] + 14, 418), (736, 418))
    symbol(d, 748, 423, "x")


def draw_full() -> Drawing:
    """Draw the generator with all of its parts."""
    d = Drawing(760, 514, "StyleGAN2's generator, coloured by component")
    symbol(d, 34, 60, "z")
    d.arrow((34, 70), (34, 92))
    d.box("mapping", 12, 94, 116, 150)
    d.text(70, 118, "mapping", bold=True)
    d.text(70, 138, "network <tspan font-style='italic'>f</tspan>")
    for row in range(4):
        d.box("mapping", 26, 150 + 22 * row, 88, 16)
    d.text(70, 260, "fully connected", size=13, kind="dim")
    d.arrow((128, 169), (150, 169), (150, 40), (172, 40))
    symbol(d, 186, 46, "w")
    d.text(216, 26, "one w for each layer: W+", size=13, anchor="start", kind="dim")
    draw_synthesis(d)
    d.circle("noise", 30, 330, 16, "")
    for y, x, words in (
        (326, 56, "noise, added to each"),
        (343, 56, "feature map in the"),
        (366, 12, "original; the clay models"),
        (383, 12, "have none"),
    ):
        d.text(x, y, words, size=13, anchor="start", kind="dim")
    for index, (part, words) in enumerate(LEGEND.items()):
        x, y = 12 + 250 * (index % 3), 452 + 30 * (index // 3)
        d.box(part, x, y, 18, 18)
        d.text(x + 27, y + 14, words, anchor="start")
    return d


def draw_training() -> Drawing:
    """Draw what a training does with generator and discriminator."""
    d = Drawing(760, 236, "Training: generator, discriminator, losses and the running average")
    symbol(d, 22, 65, "z")
    d.arrow((34, 60), (58, 60))
    d.box("plain", 60, 32, 128, 56)
    d.text(124, 56, "generator", bold=True)
    d.text(124, 76, "G, weights θ", size=14, italic=True)
    d.arrow((188, 60), (226, 60))
    d.text(274, 65, "generated")
    d.arrow((322, 60), (424, 60), (424, 86))
    d.text(98, 133, "real pictures", anchor="start")
    d.arrow((200, 128), (356, 128))
    d.box("real", 358, 88, 132, 64)
    d.text(424, 116, "discriminator", bold=True)
    d.text(424, 138, "D, one number", size=14, italic=True)
    d.arrow((490, 120), (528, 120))
    d.text(536, 88, "D learns: high for real,", anchor="start")
    d.text(536, 108, "low for generated (and R1)", anchor="start")
    d.text(536, 142, "G learns: high for", anchor="start")
    d.text(536, 162, "generated", anchor="start")
    d.arrow((80, 88), (80, 190))
    d.box("noise", 60, 192, 404, 34)
    d.text(262, 214, "running average of θ: the generator that is kept", size=14)
    return d


ALL = ("", *COLUMNS)
SYNTHESIS = ("affine", "conv", "torgb")
MAPS = {
    **{name: ((name,), ALL) for name in COMPONENTS},
    "components": (COMPONENTS, ALL),
    "latents": (("mapping", "affine"), ALL),
    "synthesis": (("constant", *SYNTHESIS), ALL),
    "low": (SYNTHESIS, LOW),
    "high": (SYNTHESIS, HIGH),
}


def drawings() -> dict[str, str]:
    """Make all drawings: name of the file to its text."""
    files = {"stylegan2.svg": draw_full(), "stylegan2_training.svg": draw_training()}
    files |= {f"stylegan2_map_{name}.svg": draw_map(name, *lit) for name, lit in MAPS.items()}
    return {name: drawing.svg() for name, drawing in files.items()}


def main(names: Collection[str] = ()) -> None:
    """Write the drawings into the assets."""
    for name, text in drawings().items():
        if not names or name in names:
            (ASSETS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
