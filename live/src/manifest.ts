/** What `sa-helpers live` writes beside the models, and what the page needs to know. */

export interface File {
  readonly file: string;
  readonly bytes: number;
}

/** One set of weights: a model, or a snapshot of its training. */
export interface Stage extends File {
  /** `toon`, or `toon@2` for the snapshot at 2 kimg; `toon@0` is its parent. */
  readonly ref: string;
  readonly kimg: number;
}

export interface Model extends File {
  readonly name: string;
  readonly label: string;
  readonly parent: string | null;
  readonly architecture: string;
  readonly sha256: string;
  readonly kimg: number;
  /** Snapshots in order of training, without the parent and the finished model. */
  readonly snapshots: readonly Stage[];
}

export interface Layer {
  readonly name: string;
  readonly resolution: number;
  readonly channels: number;
  readonly latent: number;
}

export interface Architecture {
  readonly graph: File;
  readonly resolution: number;
  readonly z_dim: number;
  readonly w_dim: number;
  readonly num_ws: number;
  readonly mapping_layers: number;
  readonly mapping_lr_multiplier: number;
  readonly layers: readonly Layer[];
}

/** A direction of W with a unit, found and measured in the parent. */
export interface Direction {
  readonly name: string;
  readonly label: string;
  readonly unit: string;
  /** Length of the step in W for one unit. */
  readonly step: number;
  /** Amounts, in the unit, between which the parent's pictures stay whole. */
  readonly reach: readonly [number, number];
  readonly vector: readonly number[];
}

/** A channel of StyleSpace: `layer_channel`, and what the survey of the parent says of it. */
export interface Channel {
  readonly name: string;
  readonly region: string | null;
  readonly factor: string | null;
  readonly sigma: number;
}

export interface Manifest {
  readonly schema: 1;
  readonly family: string;
  readonly parent: string;
  readonly runtime: File;
  readonly models: readonly Model[];
  readonly architectures: Readonly<Record<string, Architecture>>;
  readonly directions: readonly Direction[];
  readonly channels: readonly Channel[];
}

/** Where the weights of a reference lie. */
export function stageOf(manifest: Manifest, ref: string): { model: Model; stage: Stage } {
  const [name, kimg] = ref.split("@");
  const model = modelOf(manifest, name ?? "");
  if (kimg === undefined) return { model, stage: finished(model) };
  if (kimg === "0" && model.parent) {
    const parent = modelOf(manifest, model.parent);
    return { model: parent, stage: finished(parent) };
  }
  const stage = model.snapshots.find((snapshot) => snapshot.ref === ref);
  if (!stage) throw new Error(`There is no snapshot “${ref}”.`);
  return { model, stage };
}

/** References of all stages of a model's training: its parent, its snapshots, the model. */
export function stageRefs(model: Model): Stage[] {
  const start = { ...finished(model), ref: `${model.name}@0`, kimg: 0 };
  return [...(model.parent ? [start] : []), ...model.snapshots, finished(model)];
}

export function modelOf(manifest: Manifest, name: string): Model {
  const model = manifest.models.find((candidate) => candidate.name === name);
  if (!model) throw new Error(`There is no model “${name}”.`);
  return model;
}

function finished(model: Model): Stage {
  return { ref: model.name, kimg: model.kimg, file: model.file, bytes: model.bytes };
}
