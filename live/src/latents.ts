/** From a seed to the latents that a synthesis network takes. */

import type { Architecture, Manifest } from "./manifest.ts";
import { normals } from "./random.ts";
import type { Tensor, Weights } from "./safetensors.ts";
import type { State } from "./state.ts";

const SLOPE = 0.2;
const NORM_EPS = 1e-8;

/** z to w: normalise, then fully connected layers with leaky ReLU. */
export function mapZ(z: Float32Array, weights: Weights, sizes: Architecture): Float32Array {
  const meanSquare = z.reduce((sum, value) => sum + value * value, 0) / z.length;
  let w: Float32Array = z.map((value) => value / Math.sqrt(meanSquare + NORM_EPS));
  for (let layer = 0; layer < sizes.mapping_layers; layer++) {
    const weight = weights.get(`mapping.fc${layer}.weight`) as Tensor;
    const bias = weights.get(`mapping.fc${layer}.bias`) as Tensor;
    w = activated(w, weight.data, bias.data, sizes.mapping_lr_multiplier);
  }
  return w;
}

function activated(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array,
  multiplier: number,
): Float32Array {
  const gain = multiplier / Math.sqrt(x.length);
  return bias.map((offset, row) => {
    let sum = 0;
    for (let column = 0; column < x.length; column++)
      sum += (weight[row * x.length + column] as number) * (x[column] as number);
    const y = sum * gain + offset * multiplier;
    return (y < 0 ? SLOPE * y : y) * Math.SQRT2;
  });
}

/** The truncated w of a seed. */
function wOfSeed(seed: number, psi: number, weights: Weights, sizes: Architecture): Float32Array {
  const mean = (weights.get("mapping.w_avg") as Tensor).data;
  const w = mapZ(normals(seed, sizes.z_dim), weights, sizes);
  return w.map((value, i) => (mean[i] as number) + psi * (value - (mean[i] as number)));
}

/**
 * Latents of a state, one for each layer, joined.
 *
 * @param own Weights of the picture, with its mapping network.
 * @param models Weights by reference, for the mapping networks of others.
 */
export function latentsOf(
  state: State,
  own: Weights,
  models: (ref: string) => Weights,
  manifest: Manifest,
  sizes: Architecture,
): Float32Array {
  const weights = state.mapping ? models(state.mapping) : own;
  const w = wOfSeed(state.seed, state.psi, weights, sizes);
  const layers = Array.from({ length: sizes.num_ws }, () => w);
  if (state.mix) layers.fill(wOfSeed(state.mix.seed, state.psi, weights, sizes), state.mix.layer);
  const joined = new Float32Array(sizes.num_ws * sizes.w_dim);
  layers.forEach((latent, i) => {
    joined.set(latent, i * sizes.w_dim);
  });
  if (state.morph) {
    const { seed, model, t1 } = state.morph;
    const end = wOfSeed(seed, state.psi, models(model), sizes);
    for (let i = 0; i < joined.length; i++) {
      const start = joined[i] as number;
      joined[i] = start + t1 * ((end[i % sizes.w_dim] as number) - start);
    }
  }
  for (const { name, step, vector } of manifest.directions) {
    const amount = (state.moves[name] ?? 0) * step;
    if (amount === 0) continue;
    for (let i = 0; i < joined.length; i++)
      joined[i] = (joined[i] as number) + amount * (vector[i % sizes.w_dim] as number);
  }
  return joined;
}

/** What is added to the joined styles. */
export function editOf(state: State, manifest: Manifest, sizes: Architecture): Float32Array {
  const starts = [0];
  for (const layer of sizes.layers) starts.push((starts.at(-1) as number) + layer.channels);
  const edit = new Float32Array(starts.at(-1) as number);
  for (const [name, amount] of Object.entries(state.channels)) {
    const [layer, channel] = name.split("_").map(Number) as [number, number];
    const sigma = manifest.channels.find((candidate) => candidate.name === name)?.sigma ?? 0;
    if (layer < sizes.layers.length) edit[(starts[layer] as number) + channel] = amount * sigma;
  }
  return edit;
}
