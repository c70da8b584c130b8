/** The pictures of a state, side by side, drawn anew when it changes: the newest state wins. */

import { openClient } from "./client.ts";
import { tellMove } from "./controls.ts";
import { make, signed } from "./dom.ts";
import type { Drawn } from "./engine.ts";
import { type Manifest, modelOf } from "./manifest.ts";
import { type Picture, pictureKey, type State } from "./state.ts";
import type { Store } from "./store.ts";

export class Strip {
  readonly element = make("div", { class: "live-strip" });
  readonly #store: Store;
  readonly #onEnd: (error: Error | null) => void;
  #keys: (string | null)[] = [];
  #values: (Drawn | null)[] = [];
  #isBusy = false;
  #isStale = false;
  #isStarted = false;

  /** @param onEnd Called when the pictures are those of the newest state, or failed to be. */
  constructor(store: Store, onEnd: (error: Error | null) => void) {
    this.#store = store;
    this.#onEnd = onEnd;
    store.watch((state) => {
      this.#show(state);
      if (this.#isStarted) void this.#draw();
    });
  }

  /** Loads the models and draws for the first time; rejects if that fails. */
  async start(onProgress: (arrived: number, total: number) => void): Promise<void> {
    await this.#drawOnce(onProgress);
    this.#isStarted = true;
    await this.#draw(); // in case the state changed meanwhile
  }

  /** Values of the pictures in [-1, 1], channels first; for tests and downloads. */
  get drawn(): readonly (Drawn | null)[] {
    return this.#values;
  }

  /** True when what is seen is of the newest state. */
  get isSettled(): boolean {
    return this.#isStarted && !this.#isBusy && !this.#isStale;
  }

  /** All pictures as one canvas. */
  canvas(): HTMLCanvasElement {
    const parts = [...this.element.querySelectorAll("canvas")];
    const width = parts.reduce((sum, part) => sum + part.width, 0);
    const whole = make("canvas", { width, height: parts[0]?.height ?? 0 });
    const context = whole.getContext("2d") as CanvasRenderingContext2D;
    let left = 0;
    for (const part of parts) {
      context.drawImage(part, left, 0);
      left += part.width;
    }
    return whole;
  }

  async #draw(): Promise<void> {
    if (this.#isBusy) {
      this.#isStale = true;
      return;
    }
    try {
      do {
        this.#isStale = false;
        await this.#drawOnce(() => {});
      } while (this.#isStale);
      this.#onEnd(null);
    } catch (error) {
      this.#onEnd(error as Error);
    }
  }

  async #drawOnce(onProgress: (arrived: number, total: number) => void): Promise<void> {
    const { state } = this.#store;
    const keys = state.pictures.map((_, index) => pictureKey(state, index));
    const changed = keys.flatMap((key, index) => (key === this.#keys[index] ? [] : [index]));
    if (!changed.length) return;
    this.#isBusy = true;
    try {
      const client = await openClient();
      const pictures = await client.draw(state, changed, onProgress);
      for (const picture of pictures) this.#paint(picture, keys[picture.index] as string);
    } finally {
      this.#isBusy = false;
    }
  }

  #paint(drawn: Drawn, key: string): void {
    const canvas = this.element.querySelectorAll("canvas")[drawn.index];
    if (!canvas) return; // the picture was taken away meanwhile
    canvas.width = drawn.side;
    canvas.height = drawn.side;
    canvas.getContext("2d")?.putImageData(toImageData(drawn), 0, 0);
    this.#keys[drawn.index] = key;
    this.#values[drawn.index] = drawn;
  }

  /** Keeps one figure for each picture, with its name and a description. */
  #show(state: State): void {
    const count = state.pictures.length;
    while (this.element.childElementCount > count) this.element.lastElementChild?.remove();
    while (this.element.childElementCount < count) this.element.append(emptyFigure());
    this.#keys.length = count;
    this.#values.length = count;
    this.element.dataset.count = String(count);
    state.pictures.forEach((picture, index) => {
      const figure = this.element.children[index] as HTMLElement;
      const label = labelOf(picture, this.#store.manifest);
      (figure.querySelector("figcaption") as HTMLElement).textContent = label;
      const described = `${label}, ${describe(state, this.#store.manifest)}`;
      figure.querySelector("canvas")?.setAttribute("aria-label", described);
    });
  }
}

/** Bytes from values in [-1, 1], rounded as `sa_helpers.images.to_uint8` does. */
export function toImageData({ side, values }: Drawn): ImageData {
  const area = side * side;
  const pixels = new Uint8ClampedArray(4 * area).fill(255);
  for (let i = 0; i < area; i++)
    for (let channel = 0; channel < 3; channel++)
      pixels[4 * i + channel] = 127.5 * (values[channel * area + i] as number) + 127.5;
  return new ImageData(pixels, side, side);
}

/** What stands below a picture. */
export function labelOf(picture: Picture, manifest: Manifest): string {
  if (picture.label !== null) return picture.label;
  const terms = picture.terms.filter((term) => term.amount !== 0);
  if (!terms.length) return nameOf(picture.base, manifest);
  const hasSchedule = picture.swap || picture.blocks || Object.keys(picture.reset).length > 0;
  const only = terms.length === 1 && !hasSchedule ? terms[0] : undefined;
  if (only?.amount === 1) return nameOf(only.model, manifest);
  const parts = terms.map(({ model, amount }) => {
    const share = amount === 1 ? "" : `${signed(amount, 2).replace("+", "")} `;
    return `${share}${nameOf(model, manifest)}`;
  });
  return [nameOf(picture.base, manifest), ...parts].join(" + ");
}

function nameOf(ref: string, manifest: Manifest): string {
  const [name, kimg] = ref.split("@");
  const { label } = modelOf(manifest, name as string);
  return kimg === undefined ? label : `${label}, ${kimg} kimg`;
}

function describe(state: State, manifest: Manifest): string {
  const moved = manifest.directions.flatMap((direction) => {
    const amount = state.moves[direction.name];
    return amount ? [`${direction.label} ${tellMove(amount, direction)}`] : [];
  });
  return [`seed ${state.seed}`, `psi ${state.psi}`, ...moved].join(", ");
}

function emptyFigure(): HTMLElement {
  const canvas = make("canvas", { role: "img", width: 128, height: 128 });
  return make("figure", {}, canvas, make("figcaption"));
}
