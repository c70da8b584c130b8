import assert from "node:assert/strict";
import { test } from "node:test";
import { megabytes, signed } from "../src/dom.ts";
import { along } from "../src/morph_square.ts";
import { pythonLines } from "../src/python.ts";
import { parseState } from "../src/state.ts";
import { labelOf } from "../src/strip.ts";
import { MANIFEST } from "./small_manifest.ts";

function labels(...pictures: unknown[]): string[] {
  return parseState({ pictures }, MANIFEST).pictures.map((one) => labelOf(one, MANIFEST));
}

test("numbers are written with a sign and their unit", () => {
  assert.deepEqual([signed(-12.4, 0), signed(0.04, 1), signed(3, 1)], ["−12", "0", "+3.0"]);
  assert.equal(megabytes(12_345_678), "12.3 MB");
});

test("a picture is called after its network", () => {
  const toon = { base: "human", terms: [{ model: "toon" }] };
  const sum = { base: "human", terms: [{ model: "toon" }, { model: "dog", amount: 0.5 }] };
  assert.deepEqual(labels("toon@2", toon, sum, { ...toon, label: "mine" }), [
    "toon, 2 kimg",
    "toon",
    "human + toon + 0.50 dog",
    "mine",
  ]);
  assert.deepEqual(labels({ base: "human", terms: [{ model: "toon", amount: 0 }] }), ["human"]);
});

test("a path is walked by length", () => {
  const corner: [number, number][] = [
    [0, 0],
    [0, 1],
    [1, 1],
  ];
  assert.deepEqual(
    [0, 0.25, 0.5, 0.75, 1].map((share) => along(corner, share)),
    [
      [0, 0],
      [0, 0.5],
      [0, 1],
      [0.5, 1],
      [1, 1],
    ],
  );
});

test("Python lines name the papers' functions where they are the whole story", () => {
  const lines = (picture: object) =>
    pythonLines(parseState({ pictures: [{ base: "human", ...picture }] }, MANIFEST), MANIFEST);
  const terms = [{ model: "toon" }];
  assert.match(
    lines({ terms }),
    /interpolate_weights\(network\["human"\], network\["toon"\], amount=1\)/,
  );
  assert.match(
    lines({ terms, swap: { r_swap: 8 } }),
    /swap_layers\(.*r_swap=8, child_gives="low"\)/,
  );
  assert.match(lines({ terms, reset: { conv: 1 } }), /share_schedule\(reset=\{"conv": 1\}\)/);
});
