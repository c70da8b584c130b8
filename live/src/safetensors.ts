/** Reads safetensors: eight bytes of length, a JSON header, then arrays, to float32. */

export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}
export type Weights = ReadonlyMap<string, Tensor>;

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Reads all tensors of a file.
 *
 * @throws {Error} The file is cut short or is something else; the message says what was found.
 */
export function readSafetensors(file: ArrayBuffer): Weights {
  const header = readHeader(file);
  const body = new Uint8Array(file, header.end);
  const weights = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header.entries)) {
    if (name === "__metadata__") continue;
    const [start, stop] = data_offsets;
    if (stop > body.length) throw new Error(`the file ends within the tensor ${name}`);
    const decode = DECODERS[dtype];
    if (!decode) throw new Error(`the tensor ${name} has the unknown type ${dtype}`);
    // A copy, as arrays of more than one byte have to be aligned.
    const data = decode(body.slice(start, stop).buffer);
    if (data.length !== shape.reduce((product, side) => product * side, 1))
      throw new Error(`the tensor ${name} has ${data.length} numbers for the shape ${shape}`);
    weights.set(name, { dims: shape, data });
  }
  return weights;
}

function readHeader(file: ArrayBuffer): { entries: Record<string, Entry>; end: number } {
  if (file.byteLength < 8) throw new Error(`a file of ${file.byteLength} bytes`);
  const length = Number(new DataView(file).getBigUint64(0, true));
  if (length > file.byteLength - 8) throw new Error(`a header of ${length} bytes`);
  const text = new TextDecoder().decode(new Uint8Array(file, 8, length));
  return { entries: JSON.parse(text), end: 8 + length };
}

const DECODERS: Record<string, (bytes: ArrayBuffer) => Float32Array> = {
  F32: (bytes) => new Float32Array(bytes),
  F16: (bytes) => fromHalves(new Uint16Array(bytes)),
  BF16: (bytes) => fromBrainFloat(new Uint16Array(bytes)),
};

/** All 65,536 halves, made once: looking up is many times faster than computing. */
let table: Float32Array | null = null;

function fromHalves(halves: Uint16Array): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => fromHalf(bits));
  const whole = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) whole[i] = table[halves[i] as number] as number;
  return whole;
}

function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * (POWERS[exponent] as number);
}

const POWERS = Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 15));

/** bfloat16 is the upper half of float32. */
function fromBrainFloat(halves: Uint16Array): Float32Array {
  const whole = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) whole[i] = (halves[i] as number) << 16;
  return new Float32Array(whole.buffer);
}
