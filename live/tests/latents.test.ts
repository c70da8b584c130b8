import assert from "node:assert/strict";
import { test } from "node:test";
import { editOf, latentsOf, mapZ } from "../src/latents.ts";
import type { Architecture } from "../src/manifest.ts";
import { normals } from "../src/random.ts";
import type { Weights } from "../src/safetensors.ts";
import { parseState } from "../src/state.ts";
import { MANIFEST } from "./small_manifest.ts";

const SIZES = MANIFEST.architectures.large as Architecture;

/** A mapping network that gives (mean of z, scale), with the mean latent (0, 1). */
function mapping(scale: number): Weights {
  const weight = Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 1 : 0));
  return new Map([
    ["mapping.fc0.weight", { dims: [2, 16], data: weight }],
    ["mapping.fc0.bias", { dims: [2], data: new Float32Array([0, scale]) }],
    ["mapping.w_avg", { dims: [2], data: new Float32Array([0, 1]) }],
  ]);
}

function latents(given: object): number[] {
  const state = parseState({ pictures: ["human"], ...given }, MANIFEST);
  const models = (ref: string) => mapping(ref === "dog" ? 2 : 1);
  return [...latentsOf(state, mapping(1), models, MANIFEST, SIZES)];
}

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-5, `${actual} is not ${expected}`);
}

test("z is normalised, and negative numbers leak", () => {
  const z = new Float32Array(16).fill(5);
  near(mapZ(z, mapping(1), SIZES)[0] as number, (16 / 4) * Math.SQRT2);
  near(
    mapZ(
      z.map((x) => -x),
      mapping(1),
      SIZES,
    )[0] as number,
    -0.2 * 4 * Math.SQRT2,
  );
});

test("psi 0 gives the mean latent in every layer", () => {
  assert.deepEqual(latents({ psi: 0 }), Array(6).fill([0, 1]).flat());
});

test("styles are mixed from a layer on", () => {
  const [one, other] = [latents({ seed: 1 }), latents({ seed: 2 })];
  const mixed = latents({ seed: 1, mix: { seed: 2, layer: 4 } });
  assert.deepEqual(mixed, [...one.slice(0, 8), ...other.slice(8)]);
  assert.notEqual(one[0], other[0]);
});

test("moves are steps in units", () => {
  const [still, moved] = [latents({ seed: 1 }), latents({ seed: 1, moves: { yaw_deg: 20 } })];
  near((moved[0] as number) - (still[0] as number), 20 * 0.5);
  assert.equal(moved[1], still[1]);
});

test("a morph ends at the latents of the other model, and mapping names one for all", () => {
  const end = latents({ morph: { seed: 5, model: "dog", t1: 1 } });
  const dogs = latents({ seed: 5, mapping: "dog" });
  for (const [i, value] of dogs.entries()) near(end[i] as number, value);
  near(dogs[1] as number, 1 + 0.7 * (2 * Math.SQRT2 - 1));
});

test("channels are edited in standard deviations, at their place", () => {
  const state = parseState({ pictures: ["human"], channels: { "0_1": 3, "6_0": -2 } }, MANIFEST);
  const edit = editOf(state, MANIFEST, SIZES);
  assert.equal(edit.length, 16);
  assert.deepEqual([edit[1], edit[12]], [6, -2]);
  assert.equal(edit.filter(Boolean).length, 2);
});

test("another seed is another z", () => {
  assert.notDeepEqual(normals(1, 16), normals(2, 16));
});
