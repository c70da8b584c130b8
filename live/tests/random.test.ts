import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { normals, twister } from "../src/random.ts";

/** Written by torch; `tests/test_live.py` checks that it still draws the same. */
const golden: { seed: number; z: number[] }[] = JSON.parse(
  readFileSync(new URL("./torch_normals.json", import.meta.url), "utf8"),
);

test("the twister gives the first numbers of its reference implementation", () => {
  assert.deepEqual([...twister(5489, 3)], [3499211612, 581869302, 3890346734]);
});

test("a seed gives the z that torch draws", () => {
  assert.equal(golden.length, 20);
  for (const { seed, z } of golden) {
    const drawn = normals(seed, z.length);
    for (const [i, expected] of z.entries())
      assert.ok(Math.abs((drawn[i] as number) - expected) < 2e-6, `seed ${seed}, number ${i}`);
  }
});

test("sizes that torch draws in another way are refused", () => {
  assert.throws(() => normals(0, 20), /multiple of 16/);
});
