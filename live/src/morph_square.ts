/** The square of all morphs: latents (t1) to the right, weights (t2) downwards, and a path in it. */

import { make } from "./dom.ts";
import type { State } from "./state.ts";
import type { Store } from "./store.ts";

type Point = readonly [t1: number, t2: number];

const SECONDS = 3;
const KEY_STEP = 0.02;
const MAX_POINTS = 400;
const DIAGONAL: Point[] = [
  [0, 0],
  [1, 1],
];

/** The part of the state that the square moves. */
function place(draft: State, [t1, t2]: Point): void {
  if (draft.morph) draft.morph.t1 = t1;
  for (const { terms } of draft.pictures) for (const term of terms) term.amount = t2;
}

function placeOf(state: State): Point {
  return [state.morph?.t1 ?? 0, state.pictures.flatMap(({ terms }) => terms)[0]?.amount ?? 0];
}

/** A point at a share of the length of a path. */
export function along(path: readonly Point[], share: number): Point {
  const lengths = path.slice(1).map((end, i) => distance(path[i] as Point, end));
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  for (const [i, length] of lengths.entries()) {
    const [start, end] = [path[i] as Point, path[i + 1] as Point];
    if (left <= length && length > 0)
      return [
        start[0] + ((end[0] - start[0]) * left) / length,
        start[1] + ((end[1] - start[1]) * left) / length,
      ];
    left -= length;
  }
  return path.at(-1) as Point;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

/** Makes the square, with a button that plays the path that was drawn last, or the diagonal. */
export function morphSquare(store: Store): HTMLElement {
  if (!store.state.morph) throw new Error("The control “morph” needs a state with a morph.");
  const svg = square();
  const [line, knob] = [svg.querySelector("polyline"), svg.querySelector("circle")] as [
    SVGPolylineElement,
    SVGCircleElement,
  ];
  let path: Point[] = [...DIAGONAL];
  let drawn: Point[] | null = null;
  const show = () => line.setAttribute("points", path.map((p) => p.join(",")).join(" "));
  const go = (point: Point) => store.update((draft) => place(draft, point));
  const player = new Player((share) => go(along(path, share)));

  svg.addEventListener("pointerdown", (event) => {
    player.stop();
    svg.setPointerCapture(event.pointerId);
    drawn = [pointOf(svg, event)];
    go(drawn[0] as Point);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drawn) return;
    const point = pointOf(svg, event);
    if (drawn.length < MAX_POINTS) drawn.push(point);
    if (drawn.length > 2) path = drawn;
    show();
    go(point);
  });
  for (const kind of ["pointerup", "pointercancel"])
    svg.addEventListener(kind, () => {
      drawn = null;
    });
  svg.addEventListener("keydown", (event) => {
    const move = KEYS[event.key];
    if (!move) return;
    event.preventDefault();
    player.stop();
    const [t1, t2] = placeOf(store.state);
    go([clamp(t1 + move[0] * KEY_STEP), clamp(t2 + move[1] * KEY_STEP)]);
  });
  const text = make("output", { class: "live-value" });
  store.watch((state) => {
    const [t1, t2] = placeOf(state);
    knob.setAttribute("cx", String(t1));
    knob.setAttribute("cy", String(t2));
    text.textContent = `latents ${Math.round(100 * t1)} %, weights ${Math.round(100 * t2)} %`;
    svg.setAttribute("aria-valuetext", text.textContent);
    svg.setAttribute("aria-valuenow", String(Math.round(100 * t1)));
  });
  show();
  return make("div", { class: "live-morph" }, svg, make("div", {}, player.button, text));
}

const KEYS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function square(): SVGSVGElement {
  const holder = make("div");
  holder.innerHTML = `<svg class="live-square" viewBox="-0.04 -0.04 1.08 1.08" tabindex="0"
    role="slider" aria-valuemin="0" aria-valuemax="100"
    aria-label="Morph: arrow keys right and left move the latents, down and up the weights">
    <rect width="1" height="1"/><polyline points=""/><circle r="0.04"/></svg>`;
  return holder.firstElementChild as SVGSVGElement;
}

function pointOf(svg: SVGSVGElement, event: PointerEvent): Point {
  const box = svg.getBoundingClientRect();
  const scale = (position: number, size: number) => clamp((position / size) * 1.08 - 0.04);
  return [scale(event.clientX - box.left, box.width), scale(event.clientY - box.top, box.height)];
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}

/** Plays from 0 to 1 and stops. Where motion is not wanted it goes there at once. */
class Player {
  readonly button = make("button", { type: "button", class: "live-button" }, "Play the path");
  readonly #onShare: (share: number) => void;
  #start = 0;
  #frame = 0;

  constructor(onShare: (share: number) => void) {
    this.#onShare = onShare;
    this.button.addEventListener("click", () => (this.#frame ? this.stop() : this.#play()));
  }

  stop(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.button.textContent = "Play the path";
  }

  #play(): void {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#onShare(1);
      return;
    }
    this.button.textContent = "Stop";
    this.#start = performance.now();
    this.#frame = requestAnimationFrame(this.#step);
  }

  readonly #step = (now: number): void => {
    const share = (now - this.#start) / (1000 * SECONDS);
    this.#onShare(Math.min(1, share));
    if (share >= 1) this.stop();
    else this.#frame = requestAnimationFrame(this.#step);
  };
}
