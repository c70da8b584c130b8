/** A family of toy sizes. */

import type { Architecture, Manifest } from "../src/manifest.ts";

const file = { file: "x", bytes: 1 };

function architecture(resolutions: number[]): Architecture {
  const layers = resolutions.flatMap((resolution, block) =>
    (block === 0 ? ["conv1", "torgb"] : ["conv0", "conv1", "torgb"]).map((name) => ({
      name: `b${resolution}.${name}`,
      resolution,
      channels: 2,
      latent: 0,
    })),
  );
  return {
    graph: file,
    resolution: resolutions.at(-1) as number,
    z_dim: 16,
    w_dim: 2,
    num_ws: 2 * resolutions.length,
    mapping_layers: 1,
    mapping_lr_multiplier: 1,
    layers,
  };
}

function model(name: string, parent: string | null, size = "large") {
  const snapshots = name === "toon" ? [{ ref: "toon@2", kimg: 2, file: "toon-2", bytes: 5 }] : [];
  const known = { name, parent, label: name, architecture: size, kimg: 24, sha256: "" };
  return { ...known, snapshots, file: name, bytes: 7 };
}

export const MANIFEST: Manifest = {
  schema: 1,
  family: "toys",
  parent: "human",
  runtime: file,
  models: [
    model("human", null),
    model("toon", "human"),
    model("dog", "human"),
    model("small", "human", "small"),
  ],
  architectures: { large: architecture([4, 8, 16]), small: architecture([4, 8]) },
  directions: [
    { name: "yaw_deg", label: "yaw", unit: "°", step: 0.5, reach: [-40, 40], vector: [1, 0] },
  ],
  channels: [
    { name: "0_1", region: "hair", factor: null, sigma: 2 },
    { name: "6_0", region: null, factor: null, sigma: 1 },
  ],
};
