/** The controls that a figure may have, each from a short word. */

import { make, newId, signed } from "./dom.ts";
import { type Direction, modelOf, stageRefs } from "./manifest.ts";
import { morphSquare } from "./morph_square.ts";
import { COMPONENTS, type Picture, resolutionsOf, type State } from "./state.ts";
import type { Store } from "./store.ts";

/** The last seed that “new person” draws; more are there, but none needs longer numbers. */
const MAX_DRAWN_SEED = 9999;

export interface Range {
  label: string;
  min: number;
  max: number;
  step: number;
  read: (state: State) => number;
  write: (draft: State, value: number) => void;
  /** What is read beside the slider, with its unit. */
  tell: (value: number) => string;
  ends?: readonly [string, string];
}

/**
 * Makes a control.
 *
 * @param word Such as `new`, `move:yaw_deg` or `reset:conv`; see the README.
 * @throws {Error} There is no such control.
 */
export function controlOf(word: string, store: Store): HTMLElement {
  const [kind, ...rest] = word.split(":");
  const build = KINDS[kind ?? ""];
  if (!build) throw new Error(`There is no control “${word}”.`);
  return build(store, rest.join(":"));
}

const KINDS: Record<string, (store: Store, what: string) => HTMLElement> = {
  new: newPerson,
  seed: seedField,
  psi: (store) => slider(store, psiRange()),
  move: (store, what) => slider(store, labelled(moveRange, store, what)),
  channel: (store, name) => slider(store, channelRange(store, name)),
  amount: (store, model) => slider(store, amountRange(store, model)),
  reset: (store, key) => slider(store, resetRange(key)),
  swap: (store) => slider(store, swapRange(store)),
  width: (store) => slider(store, widthRange()),
  gives: givesChoice,
  stage: (store, model) => slider(store, stageRange(store, model)),
  mix: (store) => slider(store, mixRange(store)),
  t1: (store) => slider(store, morphLatentRange()),
  morph: (store) => morphSquare(store),
};

/**
 * A labelled range with its value beside it; a double click takes it back to where it began.
 *
 * @param watch Calls a listener whenever the slider may have to show another value.
 */
export function slider(
  store: Store,
  range: Range,
  watch: (listener: (state: State) => void) => void = (listener) => store.watch(listener),
): HTMLElement {
  const id = newId();
  const { min, max, step } = range;
  const input = make("input", { type: "range", id, min, max, step });
  const value = make("output", { for: id, class: "live-value" });
  input.addEventListener("input", () =>
    store.update((draft) => range.write(draft, input.valueAsNumber)),
  );
  input.addEventListener("dblclick", () =>
    store.update((draft) => range.write(draft, range.read(store.initial))),
  );
  watch((state) => {
    const current = range.read(state);
    input.value = String(current);
    value.textContent = range.tell(current);
    input.setAttribute("aria-valuetext", range.tell(current));
  });
  const ends = range.ends?.map((end) => make("span", {}, end)) ?? [];
  return make(
    "div",
    { class: "live-slider" },
    make("label", { for: id }, range.label),
    make("div", { class: "live-range" }, input, ...endsOf(ends)),
    value,
  );
}

function endsOf(ends: HTMLElement[]): HTMLElement[] {
  return ends.length ? [make("div", { class: "live-ends", "aria-hidden": "true" }, ...ends)] : [];
}

function newPerson(store: Store, label: string): HTMLElement {
  const text = spaced(label) || "New person";
  const button = make("button", { type: "button", class: "live-button" }, text);
  button.addEventListener("click", () =>
    store.update((draft) => {
      draft.seed = Math.floor(Math.random() * (MAX_DRAWN_SEED + 1));
    }),
  );
  return button;
}

/** A whole number with a label. */
export function numberField(
  store: Store,
  label: string,
  max: number,
  read: (state: State) => number,
  write: (draft: State, value: number) => void,
): HTMLElement {
  const id = newId();
  const input = make("input", { type: "number", id, min: 0, max, step: 1, inputmode: "numeric" });
  input.addEventListener("input", () => {
    const value = input.valueAsNumber;
    if (Number.isInteger(value) && value >= 0 && value <= max)
      store.update((draft) => write(draft, value));
  });
  store.watch((state) => {
    if (input.valueAsNumber !== read(state)) input.value = String(read(state));
  });
  return make("div", { class: "live-number" }, make("label", { for: id }, label), input);
}

function seedField(store: Store): HTMLElement {
  const write = (draft: State, value: number) => {
    draft.seed = value;
  };
  return numberField(store, "Seed", 0xffffffff, (state) => state.seed, write);
}

function psiRange(): Range {
  return {
    label: "Truncation psi",
    min: 0,
    max: 1,
    step: 0.05,
    read: (state) => state.psi,
    write: (draft, value) => {
      draft.psi = value;
    },
    tell: (value) => value.toFixed(2),
  };
}

/** Words of a page's controls have no spaces of their own. */
function spaced(label: string): string {
  return label.replaceAll("_", " ");
}

/** A range whose label the page may give after its name, as in `move:yaw_deg:Turn_the_heads`. */
function labelled(rangeOf: typeof moveRange, store: Store, what: string): Range {
  const [name = "", label] = what.split(":");
  const range = rangeOf(store, name);
  return label ? { ...range, label: spaced(label) } : range;
}

function moveRange(store: Store, name: string): Range {
  const direction = store.manifest.directions.find((candidate) => candidate.name === name);
  if (!direction) throw new Error(`There is no direction “${name}”.`);
  const [min, max] = direction.reach;
  return {
    label: capital(direction.label),
    min,
    max,
    step: direction.unit ? 1 : 0.01,
    read: (state) => state.moves[name] ?? 0,
    write: (draft, value) => setOrDrop(draft.moves, name, value),
    tell: (value) => tellMove(value, direction),
  };
}

/** An amount with its unit; shares of a factor's scale are told in percent. */
export function tellMove(value: number, { unit }: Direction): string {
  return unit ? `${signed(value, 0)}${unit}` : `${signed(100 * value, 0)} %`;
}

/** A slider for one style channel. */
export function channelRange(store: Store, name: string): Range {
  const channel = store.manifest.channels.find((candidate) => candidate.name === name);
  if (!channel) throw new Error(`There is no channel “${name}”.`);
  return {
    label: `Channel ${name}${channel.region ? ` (${channel.region})` : ""}`,
    min: -12,
    max: 12,
    step: 0.1,
    read: (state) => state.channels[name] ?? 0,
    write: (draft, value) => setOrDrop(draft.channels, name, value),
    tell: (value) => `${signed(value, 1)} σ`,
  };
}

function amountRange(store: Store, model: string): Range {
  const isMeant = (name: string) => !model || name.split("@")[0] === model;
  const terms = (state: State) => state.pictures.flatMap((picture) => picture.terms);
  const first = terms(store.state).find((term) => isMeant(term.model));
  if (!first) throw new Error(`No picture has an amount of “${model || "anything"}”.`);
  return {
    label: "From parent to child",
    min: 0,
    max: 1,
    step: 0.01,
    read: (state) => terms(state).find((term) => isMeant(term.model))?.amount ?? 0,
    write: (draft, value) => {
      for (const term of terms(draft)) if (isMeant(term.model)) term.amount = value;
    },
    tell: (value) => `${Math.round(100 * value)} %`,
    ends: ["parent", "child"],
  };
}

const COMPONENT_NAMES: Record<string, string> = {
  mapping: "mapping network",
  affine: "affine layers",
  conv: "feature convolutions",
  torgb: "tRGB layers",
};

/** A slider that resets a component, a resolution, or both together, in all changed pictures. */
export function resetRange(key: string): Range {
  const [part = "", resolution] = key.split("@");
  const place = COMPONENT_NAMES[part] ?? `${part} px`;
  if (!(COMPONENTS as readonly string[]).includes(part) && !/^\d+$/.test(part))
    throw new Error(`There is nothing to reset called “${key}”.`);
  const isMeant = (picture: Picture) => picture.terms.length > 0;
  return {
    label: capital(`reset ${place}${resolution ? ` at ${resolution} px` : ""}`),
    min: 0,
    max: 1,
    step: 0.01,
    read: (state) => state.pictures.find(isMeant)?.reset[key] ?? 0,
    write: (draft, value) => {
      for (const picture of draft.pictures.filter(isMeant)) setOrDrop(picture.reset, key, value);
    },
    tell: (value) => `${Math.round(100 * value)} %`,
    ends: ["child", "parent"],
  };
}

const SWAPPED = (picture: Picture) => picture.swap !== null;

function swapRange(store: Store): Range {
  const resolutions = mostResolutions(store);
  return {
    label: "Swap above",
    min: 0,
    max: resolutions.length - 1,
    step: 1,
    read: (state) => {
      const swap = state.pictures.find(SWAPPED)?.swap;
      return resolutions.findIndex((resolution) => resolution >= (swap?.r_swap ?? 0));
    },
    write: (draft, value) => {
      for (const { swap } of draft.pictures) if (swap) swap.r_swap = resolutions[value] as number;
    },
    tell: (value) => `${resolutions[value]} px`,
  };
}

function widthRange(): Range {
  return {
    label: "Width of the change",
    min: 0,
    max: 3,
    step: 0.1,
    read: (state) => state.pictures.find(SWAPPED)?.swap?.width ?? 0,
    write: (draft, value) => {
      for (const { swap } of draft.pictures) if (swap) swap.width = value;
    },
    tell: (value) => (value === 0 ? "step" : `${value.toFixed(1)} octaves`),
  };
}

function givesChoice(store: Store): HTMLElement {
  const options: [string, string][] = [
    ["low", "low resolutions from the child"],
    ["high", "high resolutions from the child"],
  ];
  return choice(
    store,
    "Which part",
    options,
    (state) => state.pictures.find(SWAPPED)?.swap?.child_gives ?? "low",
    (draft, value) => {
      for (const { swap } of draft.pictures) if (swap) swap.child_gives = value as "low" | "high";
    },
  );
}

/** A list to choose from. */
export function choice(
  store: Store,
  label: string,
  options: readonly (readonly [string, string])[],
  read: (state: State) => string,
  write: (draft: State, value: string) => void,
): HTMLElement {
  const id = newId();
  const select = make(
    "select",
    { id },
    ...options.map(([value, text]) => make("option", { value }, text)),
  );
  select.addEventListener("change", () => store.update((draft) => write(draft, select.value)));
  store.watch((state) => {
    select.value = read(state);
  });
  return make("div", { class: "live-choice" }, make("label", { for: id }, label), select);
}

/** All stages of a model's training on one slider: its pictures show the stage that is chosen. */
function stageRange(store: Store, name: string): Range {
  const stages = stageRefs(modelOf(store.manifest, name));
  const isMeant = ({ base }: Picture) => base.split("@")[0] === name;
  if (!store.state.pictures.some(isMeant)) throw new Error(`No picture shows “${name}”.`);
  return {
    label: `Training of ${modelOf(store.manifest, name).label}`,
    min: 0,
    max: stages.length - 1,
    step: 1,
    read: (state) => {
      const shown = state.pictures.find(isMeant)?.base;
      return stages.findIndex((stage) => stage.ref === shown);
    },
    write: (draft, value) => {
      for (const picture of draft.pictures.filter(isMeant))
        picture.base = stages[value]?.ref as string;
    },
    tell: (value) => `${stages[value]?.kimg} kimg`,
    ends: ["parent", "child"],
  };
}

function mixRange(store: Store): Range {
  const num_ws = 2 * mostResolutions(store).length;
  return {
    label: "Styles of the other seed from",
    min: 0,
    max: num_ws,
    step: 1,
    read: (state) => state.mix?.layer ?? num_ws,
    write: (draft, value) => {
      draft.mix = { seed: draft.mix?.seed ?? draft.seed + 1, layer: value };
    },
    tell: (value) => (value === num_ws ? "nowhere" : `layer ${value}`),
  };
}

function morphLatentRange(): Range {
  return {
    label: "Latents (t1)",
    min: 0,
    max: 1,
    step: 0.01,
    read: (state) => state.morph?.t1 ?? 0,
    write: (draft, value) => {
      if (draft.morph) draft.morph.t1 = value;
    },
    tell: (value) => value.toFixed(2),
  };
}

/** The resolutions of the largest network of the family. */
export function mostResolutions({ manifest }: Store): number[] {
  const all = Object.values(manifest.architectures).map(resolutionsOf);
  return all.reduce((most, list) => (list.length > most.length ? list : most));
}

/** Zeros are not written down. */
export function setOrDrop(amounts: Record<string, number>, key: string, value: number): void {
  if (value === 0) delete amounts[key];
  else amounts[key] = value;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
