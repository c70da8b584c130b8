import assert from "node:assert/strict";
import { test } from "node:test";
import { readSafetensors } from "../src/safetensors.ts";

function file(entries: Record<string, [string, number[], Uint8Array]>): ArrayBuffer {
  const header: Record<string, object> = { __metadata__: { format: "pt" } };
  let end = 0;
  for (const [name, [dtype, shape, bytes]] of Object.entries(entries)) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new BigUint64Array([BigInt(text.length)]).buffer);
  const parts = Object.values(entries).map(([, , bytes]) => bytes);
  return Uint8Array.from([length, text, ...parts].flatMap((part) => [...part])).buffer;
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

test("half precision: normal, subnormal, signed and infinite numbers", () => {
  const bits = new Uint16Array([0x3c00, 0xc000, 0x0001, 0x03ff, 0x8000, 0x7c00, 0x3555, 0x7bff]);
  const read = readSafetensors(file({ x: ["F16", [2, 4], bytesOf(bits)] })).get("x");
  const expected = [1, -2, 2 ** -24, 1023 * 2 ** -24, -0, Infinity, 0.333251953125, 65504];
  assert.deepEqual([...(read?.data ?? [])], expected);
  assert.deepEqual(read?.dims, [2, 4]);
});

test("bfloat16 is the upper half of float32", () => {
  const values = new Float32Array([1.5, -0.0078125, 3e38]);
  const upper = new Uint16Array(values.buffer).filter((_, i) => i % 2 === 1);
  const read = readSafetensors(file({ x: ["BF16", [3], bytesOf(upper)] })).get("x");
  assert.equal(read?.data[0], 1.5);
  assert.equal(read?.data[1], -0.0078125);
  assert.ok(Math.abs((read?.data[2] as number) / 3e38 - 1) < 0.01);
});

test("float32, a scalar, and arrays that are not aligned", () => {
  const weights = readSafetensors(
    file({
      odd: ["F16", [1], bytesOf(new Uint16Array([0x3c00]))],
      scalar: ["F32", [], bytesOf(new Float32Array([0.1]))],
    }),
  );
  assert.equal(weights.get("scalar")?.data[0], Math.fround(0.1));
  assert.deepEqual(weights.get("scalar")?.dims, []);
});

test("files that are cut short or of another kind say so", () => {
  const good = file({ x: ["F32", [2], bytesOf(new Float32Array([1, 2]))] });
  assert.throws(() => readSafetensors(good.slice(0, -1)), /ends within the tensor x/);
  assert.throws(() => readSafetensors(good.slice(0, 20)), /a header of \d+ bytes/);
  assert.throws(() => readSafetensors(new ArrayBuffer(3)), /a file of 3 bytes/);
  const strange = file({ x: ["I64", [1], new Uint8Array(8)] });
  assert.throws(() => readSafetensors(strange), /unknown type I64/);
  const short = file({ x: ["F32", [3], bytesOf(new Float32Array([1, 2]))] });
  assert.throws(() => readSafetensors(short), /2 numbers for the shape 3/);
});
