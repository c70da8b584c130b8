/** What is shown, as plain data: it comes from a page or a link, so nothing in it is trusted. */

import { type Architecture, type Manifest, modelOf, stageOf } from "./manifest.ts";

export const COMPONENTS = ["mapping", "affine", "conv", "torgb"] as const;
export type Component = (typeof COMPONENTS)[number];

/** How much of the way from the base to another model: base + amount · (model − base). */
export interface Term {
  model: string;
  amount: number;
}

/** Resolutions up to `r_swap` from one model, those above from the other. */
export interface Swap {
  r_swap: number;
  child_gives: "low" | "high";
  /** Of the transition, in octaves; 0 is a step. */
  width: number;
}

/** A network: a base and what is added to it, with a place for each component and resolution. */
export interface Picture {
  base: string;
  terms: Term[];
  /** Component, resolution or `component@resolution` to how far it is reset to the base, 0 to 1. */
  reset: Record<string, number>;
  swap: Swap | null;
  /** Resolution to amount, in place of `swap`. */
  blocks: Record<string, number> | null;
  label: string | null;
}

export interface State {
  /** One to four, side by side. */
  pictures: Picture[];
  seed: number;
  /** Truncation: 1 leaves latents as they are, 0 gives the mean. */
  psi: number;
  /** From this latent on, those of another seed. */
  mix: { seed: number; layer: number } | null;
  /** Model whose mapping network gives the latents of all pictures; null: each its own. */
  mapping: string | null;
  /** Direction to amount in its unit. */
  moves: Record<string, number>;
  /** Channel to amount in standard deviations of the parent. */
  channels: Record<string, number>;
  /** Latents on the line to those of another seed in another model. */
  morph: { seed: number; model: string; t1: number } | null;
}

const MAX_SEED = 0xffffffff;
const MAX_PICTURES = 4;
const MAX_TERMS = 3;
const MAX_CHANNELS = 8;

export class StateError extends Error {}

/**
 * Checks what a page or a link says, and fills in what it leaves out.
 *
 * @throws {StateError} One sentence that says what is wrong.
 */
export function parseState(given: unknown, manifest: Manifest): State {
  const source = fields(given, "The state", [
    "pictures",
    "seed",
    "psi",
    "mix",
    "mapping",
    "moves",
    "channels",
    "morph",
  ]);
  if (!Array.isArray(source.pictures)) throw new StateError("The state lists no pictures.");
  const count = source.pictures.length;
  if (count < 1 || count > MAX_PICTURES)
    throw new StateError(`The state has ${count} pictures; expected 1 to ${MAX_PICTURES}.`);
  const state: State = {
    pictures: source.pictures.map((picture) => parsePicture(picture, manifest)),
    seed: integer(source.seed ?? 0, "seed", 0, MAX_SEED),
    psi: number(source.psi ?? 0.7, "psi", 0, 1.5),
    mix: null,
    mapping: source.mapping == null ? null : reference(source.mapping, manifest),
    moves: parseMoves(source.moves ?? {}, manifest),
    channels: parseChannels(source.channels ?? {}, manifest),
    morph: source.morph == null ? null : parseMorph(source.morph, manifest),
  };
  const sizes = state.pictures.map((picture) => sizesOf(picture, manifest));
  if (source.mix != null)
    state.mix = parseMix(source.mix, Math.max(...sizes.map(({ num_ws }) => num_ws)));
  for (const [index, picture] of state.pictures.entries())
    checkPicture(picture, sizes[index] as Architecture, state);
  for (const ref of [state.mapping, state.morph?.model ?? null])
    if (ref !== null && sizes.some((one) => one !== sizesOf(plainPicture(ref), manifest)))
      throw new StateError(`“${ref}” gives latents for networks of another size.`);
  return state;
}

/** The sizes of a picture's network. */
export function sizesOf({ base }: Picture, manifest: Manifest): Architecture {
  return manifest.architectures[stageOf(manifest, base).model.architecture] as Architecture;
}

/** Sides of the blocks of a network, in pixels. */
export function resolutionsOf(sizes: Architecture): number[] {
  return [...new Set(sizes.layers.map((layer) => layer.resolution))];
}

/** The part that differs from the defaults, as short text for a link. */
export function toFragment(state: State): string {
  const bytes = new TextEncoder().encode(JSON.stringify(compact(state)));
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Reads what `toFragment` wrote; not yet checked.
 *
 * @throws {StateError} It is something else.
 */
export function fromFragment(fragment: string): unknown {
  try {
    const text = atob(fragment.replace(/^#/, "").replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new StateError("The link is damaged, so it shows no picture of its own.");
  }
}

/** What one picture depends on: equal keys, equal pictures. */
export function pictureKey(state: State, index: number): string {
  const { pictures, ...latents } = state;
  const { label: _, ...picture } = pictures[index] as Picture;
  return JSON.stringify([picture, latents]);
}

/** What the weights of a picture depend on. */
export function networkKey(picture: Picture): string {
  const { label: _, ...network } = picture;
  return JSON.stringify(network);
}

/** All weights that a state needs, by reference. */
export function references(state: State): string[] {
  const all = state.pictures.flatMap(({ base, terms }) => [base, ...terms.map((t) => t.model)]);
  if (state.mapping) all.push(state.mapping);
  if (state.morph) all.push(state.morph.model);
  return [...new Set(all)];
}

/** A picture without changes. */
export function plainPicture(base: string): Picture {
  return { base, terms: [], reset: {}, swap: null, blocks: null, label: null };
}

export function compact(state: State): Record<string, unknown> {
  const kept = Object.entries(state).filter(([key, value]) => key !== "pictures" && isSaid(value));
  const pictures = state.pictures.map((picture) =>
    Object.fromEntries(Object.entries(picture).filter(([, value]) => isSaid(value))),
  );
  return { pictures, ...Object.fromEntries(kept) };
}

function isSaid(value: unknown): boolean {
  return value !== null && !(typeof value === "object" && Object.keys(value).length === 0);
}

function parsePicture(given: unknown, manifest: Manifest): Picture {
  const short = typeof given === "string" ? { base: given } : given;
  const source = fields(short, "A picture", ["base", "terms", "reset", "swap", "blocks", "label"]);
  const terms = source.terms ?? [];
  if (!Array.isArray(terms) || terms.length > MAX_TERMS)
    throw new StateError(`A picture has wrong terms; expected a list of ${MAX_TERMS} at most.`);
  const picture: Picture = {
    base: reference(source.base, manifest),
    terms: terms.map((term) => parseTerm(term, manifest)),
    reset: parseAmounts(source.reset ?? {}, "reset", 0, 1),
    swap: source.swap == null ? null : parseSwap(source.swap),
    blocks: source.blocks == null ? null : parseAmounts(source.blocks, "blocks", -1, 2),
    label: typeof source.label === "string" ? source.label.slice(0, 60) : null,
  };
  if (picture.swap && picture.blocks)
    throw new StateError("A picture has both swap and blocks; expected one of them.");
  const size = (ref: string) => stageOf(manifest, ref).model.architecture;
  for (const term of picture.terms)
    if (size(term.model) !== size(picture.base))
      throw new StateError(`“${picture.base}” and “${term.model}” have different sizes.`);
  return picture;
}

function parseTerm(given: unknown, manifest: Manifest): Term {
  const source = fields(given, "A term", ["model", "amount"]);
  return {
    model: reference(source.model, manifest),
    amount: number(source.amount ?? 1, "amount", -1, 2),
  };
}

function parseSwap(given: unknown): Swap {
  const source = fields(given, "swap", ["r_swap", "child_gives", "width"]);
  const gives = source.child_gives ?? "low";
  if (gives !== "low" && gives !== "high")
    throw new StateError(`child_gives is “${gives}”; expected “low” or “high”.`);
  return {
    r_swap: number(source.r_swap, "r_swap", 1, 4096),
    child_gives: gives,
    width: number(source.width ?? 0, "width", 0, 4),
  };
}

function parseMix(given: unknown, numLatents: number): NonNullable<State["mix"]> {
  const source = fields(given, "mix", ["seed", "layer"]);
  return {
    seed: integer(source.seed, "seed of the mix", 0, MAX_SEED),
    layer: integer(source.layer, "layer", 0, numLatents),
  };
}

function parseMorph(given: unknown, manifest: Manifest): NonNullable<State["morph"]> {
  const source = fields(given, "morph", ["seed", "model", "t1"]);
  return {
    seed: integer(source.seed, "seed of the morph", 0, MAX_SEED),
    model: reference(source.model, manifest),
    t1: number(source.t1 ?? 0, "t1", -0.5, 1.5),
  };
}

function parseMoves(given: unknown, manifest: Manifest): Record<string, number> {
  const moves = parseAmounts(given, "moves", -1000, 1000);
  for (const name of Object.keys(moves))
    if (!manifest.directions.some((direction) => direction.name === name))
      throw new StateError(`There is no direction “${name}”.`);
  return moves;
}

function parseChannels(given: unknown, manifest: Manifest): Record<string, number> {
  const channels = parseAmounts(given, "channels", -40, 40);
  if (Object.keys(channels).length > MAX_CHANNELS)
    throw new StateError(`More than ${MAX_CHANNELS} channels are edited.`);
  for (const name of Object.keys(channels))
    if (!manifest.channels.some((channel) => channel.name === name))
      throw new StateError(`There is no channel “${name}”.`);
  return channels;
}

function parseAmounts(given: unknown, what: string, min: number, max: number) {
  const source = fields(given, what, null);
  const entries = Object.entries(source).map(([key, value]) => [
    key,
    number(value, `${what} of ${key}`, min, max),
  ]);
  return Object.fromEntries(entries) as Record<string, number>;
}

/** What can only be told when the sizes of the network are known. */
function checkPicture(picture: Picture, sizes: Architecture, { channels }: State): void {
  const known = resolutionsOf(sizes).map(String);
  for (const key of Object.keys(picture.reset)) {
    const [first = "", second, ...rest] = key.split("@");
    const isComponent = (COMPONENTS as readonly string[]).includes(first);
    const isPart = isComponent && (second === undefined || known.includes(second));
    if (rest.length || !(isPart || (known.includes(first) && second === undefined)))
      throw new StateError(`“${key}” can not be reset: no such component or resolution.`);
  }
  for (const key of Object.keys(picture.blocks ?? {}))
    if (!known.includes(key)) throw new StateError(`There is no resolution “${key}”.`);
  for (const name of Object.keys(channels))
    if (Number(name.split("_")[0]) >= sizes.layers.length)
      throw new StateError(`“${picture.base}” has no channel “${name}”.`);
}

function reference(given: unknown, manifest: Manifest): string {
  if (typeof given !== "string") throw new StateError("A picture names no model.");
  try {
    modelOf(manifest, given.split("@")[0] ?? "");
    stageOf(manifest, given);
  } catch (error) {
    throw new StateError((error as Error).message);
  }
  return given;
}

function fields(given: unknown, what: string, known: string[] | null): Record<string, unknown> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw new StateError(`${what} is not written as names and values.`);
  const unknown = Object.keys(given).filter((key) => known && !known.includes(key));
  if (unknown.length) throw new StateError(`${what} has the unknown entry “${unknown[0]}”.`);
  return given as Record<string, unknown>;
}

function number(given: unknown, what: string, min: number, max: number): number {
  if (typeof given !== "number" || !(given >= min && given <= max))
    throw new StateError(`${what} is ${JSON.stringify(given)}; expected ${min} to ${max}.`);
  return given;
}

function integer(given: unknown, what: string, min: number, max: number): number {
  const value = number(given, what, min, max);
  if (!Number.isInteger(value)) throw new StateError(`${what} is ${value}; expected no fraction.`);
  return value;
}
