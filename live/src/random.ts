/**
 * Normal numbers as torch draws them on the CPU, so that a seed means the same person in the page
 * and in Python: the Mersenne Twister, 24 of its bits a number, and Box and Muller's transform in
 * groups of sixteen.
 */

const SIZE = 624;
const SHIFT = 397;
const GROUP = 16;

/** The first numbers of the Mersenne Twister (MT19937, 32 bits) of a seed; 624 at most. */
export function twister(seed: number, count: number): Uint32Array {
  if (count > SIZE) throw new RangeError(`${count} numbers are wanted; expected ${SIZE} at most.`);
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const last = at(state, i - 1);
    state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
  }
  for (let i = 0; i < SIZE; i++) {
    const mixed = (at(state, i) & 0x80000000) | (at(state, (i + 1) % SIZE) & 0x7fffffff);
    state[i] = at(state, (i + SHIFT) % SIZE) ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
  }
  return state.slice(0, count).map(temper);
}

/** `torch.randn(count, generator=torch.Generator().manual_seed(seed))`; count: 16, 32, 48, ... */
export function normals(seed: number, count: number): Float32Array {
  if (count % GROUP !== 0) throw new RangeError(`${count} is not a multiple of ${GROUP}.`);
  const uniform = Array.from(twister(seed, count), (bits) => (bits & 0xffffff) / 0x1000000);
  const result = new Float32Array(count);
  for (let start = 0; start < count; start += GROUP) {
    for (let j = start; j < start + GROUP / 2; j++) {
      const radius = Math.sqrt(-2 * Math.log(1 - (uniform[j] ?? 0)));
      const angle = 2 * Math.PI * (uniform[j + GROUP / 2] ?? 0);
      result[j] = radius * Math.cos(angle);
      result[j + GROUP / 2] = radius * Math.sin(angle);
    }
  }
  return result;
}

function at(state: Uint32Array, index: number): number {
  return state[index] as number;
}

function temper(value: number): number {
  let y = value;
  y ^= y >>> 11;
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return y ^ (y >>> 18);
}
