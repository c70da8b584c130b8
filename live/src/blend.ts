/** Networks made from the weights of several: one weighted sum for every tensor. */

import type { Tensor, Weights } from "./safetensors.ts";
import type { Component, Picture, Swap } from "./state.ts";

/** The component that a weight belongs to, as `sa_helpers.blending.component_of` has it. */
export function componentOf(name: string): Component {
  if (name.startsWith("mapping.")) return "mapping";
  if (name.includes(".affine.")) return "affine";
  return name.includes(".torgb.") ? "torgb" : "conv";
}

/** The resolution of the block that a weight belongs to; null in the mapping network. */
export function resolutionOf(name: string): number | null {
  const block = /^synthesis\.b(\d+)\./.exec(name);
  return block ? Number(block[1]) : null;
}

/** Where each resolution is between base and model: `swap_layers` and `smooth_amounts`. */
export function swapAmount(swap: Swap, resolution: number): number {
  const isLow = swap.child_gives === "low";
  if (swap.width === 0) return Number(resolution <= swap.r_swap === isLow);
  const octaves = Math.log2(swap.r_swap) + 0.5 - Math.log2(resolution);
  return 0.5 + 0.5 * Math.tanh(((isLow ? 1 : -1) * octaves) / swap.width / 2);
}

/** What every term's amount is multiplied by, for one weight. */
export function scheduleOf(picture: Picture, name: string): number {
  const component = componentOf(name);
  const resolution = resolutionOf(name);
  const keys = [component, String(resolution), `${component}@${resolution}`];
  const kept = keys.reduce((product, key) => product * (1 - (picture.reset[key] ?? 0)), 1);
  if (!picture.swap && !picture.blocks) return kept;
  if (resolution === null) return 0; // the mapping network is the base's
  if (picture.swap) return kept * swapAmount(picture.swap, resolution);
  return kept * (picture.blocks?.[String(resolution)] ?? 0);
}

/**
 * The weights of a picture: base + schedule · Σ amount · (model − base).
 *
 * @param models Weights by reference.
 * @param reused Arrays of an earlier blend that is not needed any more.
 */
export function blend(
  picture: Picture,
  models: (ref: string) => Weights,
  reused?: Weights,
): Map<string, Tensor> {
  const base = models(picture.base);
  const result = new Map<string, Tensor>();
  for (const [name, start] of base) {
    const schedule = scheduleOf(picture, name);
    const data = reused?.get(name)?.data ?? new Float32Array(start.data.length);
    let sum = start.data; // the first term reads it in passing, which saves copying it
    for (const term of picture.terms) {
      const amount = schedule * term.amount;
      if (amount === 0) continue;
      const end = models(term.model).get(name) as Tensor;
      addDifference(data, sum, start.data, end.data, amount);
      sum = data;
    }
    if (sum !== data) data.set(sum);
    result.set(name, { dims: start.dims, data });
  }
  return result;
}

/** result = sum + amount · (end − start); result may be sum. */
function addDifference(
  result: Float32Array,
  sum: Float32Array,
  start: Float32Array,
  end: Float32Array,
  amount: number,
) {
  for (let i = 0; i < result.length; i++)
    result[i] = (sum[i] as number) + amount * ((end[i] as number) - (start[i] as number));
}
