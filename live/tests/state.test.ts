import assert from "node:assert/strict";
import { test } from "node:test";
import { stageOf, stageRefs } from "../src/manifest.ts";
import {
  compact,
  fromFragment,
  parseState,
  pictureKey,
  references,
  StateError,
  toFragment,
} from "../src/state.ts";
import { MANIFEST } from "./small_manifest.ts";

const whole = {
  pictures: [
    "human",
    {
      base: "human",
      terms: [{ model: "toon", amount: 0.5 }, { model: "dog" }],
      reset: { affine: 0.25, "16": 1, "conv@8": 0.5 },
      swap: { r_swap: 8, child_gives: "high", width: 1 },
      label: "half a toon ü",
    },
  ],
  seed: 4294967295,
  psi: 0.5,
  mix: { seed: 3, layer: 2 },
  mapping: "human",
  moves: { yaw_deg: -20 },
  channels: { "0_1": 3 },
  morph: { seed: 9, model: "dog", t1: 0.25 },
};

test("what is left out is filled in", () => {
  const state = parseState({ pictures: ["toon"] }, MANIFEST);
  assert.equal(state.seed, 0);
  assert.equal(state.psi, 0.7);
  assert.deepEqual(state.pictures[0]?.terms, []);
});

test("a link brings the same state back", () => {
  const state = parseState(whole, MANIFEST);
  const again = parseState(fromFragment(`#${toFragment(state)}`), MANIFEST);
  assert.deepEqual(again, state);
  assert.match(toFragment(state), /^[\w-]+$/);
  assert.equal(Object.keys(compact(parseState({ pictures: ["toon"] }, MANIFEST))).length, 3);
});

test("references name every set of weights once", () => {
  assert.deepEqual(references(parseState(whole, MANIFEST)), ["human", "toon", "dog"]);
});

test("a snapshot, and the parent as its zeroth stage", () => {
  assert.equal(stageOf(MANIFEST, "toon@2").stage.file, "toon-2");
  assert.equal(stageOf(MANIFEST, "toon@0").stage.file, "human");
  const toon = MANIFEST.models[1];
  assert.deepEqual(toon && stageRefs(toon).map(({ ref }) => ref), ["toon@0", "toon@2", "toon"]);
});

test("pictures that are equal have equal keys, whatever stands below them", () => {
  const state = parseState({ pictures: ["toon", { base: "toon", label: "x" }, "dog"] }, MANIFEST);
  assert.equal(pictureKey(state, 0), pictureKey(state, 1));
  assert.notEqual(pictureKey(state, 0), pictureKey(state, 2));
});

const wrong: [string, unknown, RegExp][] = [
  ["no object", 3, /not written as names/],
  ["a list", [], /not written as names/],
  ["no pictures", {}, /lists no pictures/],
  ["too many pictures", { pictures: Array(5).fill("toon") }, /5 pictures; expected 1 to 4/],
  ["an unknown entry", { pictures: ["toon"], sed: 1 }, /unknown entry “sed”/],
  ["an unknown model", { pictures: ["cow"] }, /no model “cow”/],
  ["an unknown snapshot", { pictures: ["toon@3"] }, /no snapshot “toon@3”/],
  ["a model that is a number", { pictures: [{ base: 3 }] }, /names no model/],
  ["a seed with a fraction", { pictures: ["toon"], seed: 1.5 }, /seed is 1.5/],
  ["a seed as text", { pictures: ["toon"], seed: "1" }, /seed is "1"/],
  ["a psi that is no number", { pictures: ["toon"], psi: Number.NaN }, /psi is null/],
  ["an unknown direction", { pictures: ["toon"], moves: { smile: 1 } }, /no direction “smile”/],
  ["an unknown channel", { pictures: ["toon"], channels: { "1_9": 1 } }, /no channel “1_9”/],
  ["a channel too high", { pictures: ["small"], channels: { "6_0": 1 } }, /has no channel “6_0”/],
  [
    "an unknown part",
    { pictures: [{ base: "human", reset: { "conv@5": 1 } }] },
    /“conv@5” can not be reset/,
  ],
  [
    "a part of the page",
    { pictures: [{ base: "human", reset: { x: 1 } }] },
    /“x” can not be reset/,
  ],
  ["an unknown block", { pictures: [{ base: "human", blocks: { 5: 1 } }] }, /no resolution “5”/],
  [
    "two sizes in one network",
    { pictures: [{ base: "human", terms: [{ model: "small" }] }] },
    /different sizes/,
  ],
  ["latents of another size", { pictures: ["human", "small"], mapping: "human" }, /another size/],
  [
    "swap and blocks",
    { pictures: [{ base: "human", swap: { r_swap: 8 }, blocks: { 4: 1 } }] },
    /both swap and blocks/,
  ],
  ["a swap of nothing", { pictures: [{ base: "human", swap: {} }] }, /r_swap is undefined/],
];

for (const [name, given, message] of wrong)
  test(`refused in a sentence: ${name}`, () => {
    assert.throws(
      () => parseState(given, MANIFEST),
      (error: Error) => error instanceof StateError && message.test(error.message),
    );
  });

test("a damaged link is refused in a sentence", () => {
  for (const text of ["#%%%", "#AAAA", "#e30x!"])
    assert.throws(() => fromFragment(text), /The link is damaged/);
});
