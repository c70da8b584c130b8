import assert from "node:assert/strict";
import { test } from "node:test";
import { blend, componentOf, resolutionOf, scheduleOf, swapAmount } from "../src/blend.ts";
import type { Weights } from "../src/safetensors.ts";
import { type Picture, parseState } from "../src/state.ts";
import { MANIFEST } from "./small_manifest.ts";

const NAMES = [
  "mapping.fc0.weight",
  "synthesis.b4.const",
  "synthesis.b8.conv0.affine.weight",
  "synthesis.b16.conv1.weight",
  "synthesis.b16.torgb.weight",
];

function weights(value: number): Weights {
  return new Map(NAMES.map((name) => [name, { dims: [2], data: new Float32Array(2).fill(value) }]));
}

const MODELS: Record<string, Weights> = { human: weights(1), toon: weights(3), dog: weights(11) };
const model = (ref: string) => MODELS[ref] as Weights;

function picture(given: object): Picture {
  return parseState({ pictures: [{ base: "human", ...given }] }, MANIFEST).pictures[0] as Picture;
}

function values(given: object, reused?: Weights): number[] {
  return [...blend(picture(given), model, reused).values()].map(({ data }) => data[0] as number);
}

test("weights belong to components and resolutions", () => {
  assert.deepEqual(NAMES.map(componentOf), ["mapping", "conv", "affine", "conv", "torgb"]);
  assert.deepEqual(NAMES.map(resolutionOf), [null, 4, 8, 16, 16]);
});

test("without terms a picture has the weights of its base", () => {
  assert.deepEqual(values({}), [1, 1, 1, 1, 1]);
});

test("changes are added", () => {
  const terms = [{ model: "toon", amount: 0.5 }, { model: "dog" }];
  assert.deepEqual(values({ terms }), Array(5).fill(1 + 0.5 * 2 + 10));
});

test("a reset takes parts back, and parts multiply", () => {
  const terms = [{ model: "toon" }];
  assert.deepEqual(values({ terms, reset: { conv: 1 } }), [3, 1, 3, 1, 3]);
  assert.deepEqual(values({ terms, reset: { "16": 0.5, "torgb@16": 0.5 } }), [3, 3, 3, 2, 1.5]);
});

test("a swap gives one part, and the mapping network stays the base's", () => {
  const terms = [{ model: "toon" }];
  const swap = { r_swap: 8, child_gives: "low" };
  assert.deepEqual(values({ terms, swap }), [1, 3, 3, 1, 1]);
  assert.deepEqual(values({ terms, swap: { ...swap, child_gives: "high" } }), [1, 1, 1, 3, 3]);
  assert.deepEqual(values({ terms, blocks: { 8: 0.5 } }), [1, 1, 2, 1, 1]);
});

test("a smooth swap passes a half between two octaves", () => {
  const swap = { r_swap: 8, child_gives: "low", width: 0.5 } as const;
  assert.ok(Math.abs(swapAmount(swap, 8) + swapAmount(swap, 16) - 1) < 1e-12);
  assert.ok(Math.abs(swapAmount(swap, 8) - 1 / (1 + Math.exp(-1))) < 1e-12);
  assert.equal(scheduleOf(picture({ swap }), "mapping.fc0.weight"), 0);
});

test("arrays of an earlier blend are used again, and the models stay as they were", () => {
  const first = blend(picture({ terms: [{ model: "dog" }] }), model);
  const arrays = [...first.values()].map(({ data }) => data);
  assert.deepEqual(values({ terms: [{ model: "toon" }] }, first), [3, 3, 3, 3, 3]);
  assert.equal(arrays[0]?.[0], 3);
  assert.equal(MODELS.human?.get(NAMES[0] as string)?.data[0], 1);
});
