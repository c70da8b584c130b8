/** Loads models and draws pictures; runs in the worker. */

import * as ort from "onnxruntime-web/wasm";
import { blend } from "./blend.ts";
import { editOf, latentsOf } from "./latents.ts";
import { type Architecture, type File, type Manifest, stageOf } from "./manifest.ts";
import { readSafetensors, type Weights } from "./safetensors.ts";
import { networkKey, type Picture, references, type State, sizesOf } from "./state.ts";

/** Blends that are kept, so that moving latents does not blend again. */
const MAX_BLENDS = 6;

/** A picture with channels first, in [-1, 1]. */
export interface Drawn {
  readonly index: number;
  readonly side: number;
  readonly values: Float32Array;
}

/** How many of how many bytes have arrived. */
export type OnProgress = (arrived: number, total: number) => void;

interface Blend {
  key: string;
  weights: Weights;
  feed: Record<string, ort.Tensor>;
}

export class Engine {
  readonly #folder: string;
  readonly #manifest: Manifest;
  readonly #models = new Map<string, Promise<Weights>>();
  readonly #opened = new Map<string, Weights>();
  readonly #sessions = new Map<string, Promise<ort.InferenceSession>>();
  #runtime: Promise<void> | null = null;
  #blends: Blend[] = [];
  #arrived = 0;
  #total = 0;

  constructor(folder: string, manifest: Manifest) {
    this.#folder = folder;
    this.#manifest = manifest;
  }

  /** Loads what a state needs and draws some of its pictures. */
  async draw(state: State, indices: readonly number[], onProgress: OnProgress): Promise<Drawn[]> {
    await this.#open(state, onProgress);
    const drawn: Drawn[] = [];
    for (const index of indices) {
      const picture = state.pictures[index] as Picture;
      const sizes = sizesOf(picture, this.#manifest);
      const values = await this.#drawPicture(state, picture, sizes);
      drawn.push({ index, side: sizes.resolution, values });
    }
    return drawn;
  }

  async #open(state: State, onProgress: OnProgress): Promise<void> {
    const report = () => onProgress(this.#arrived, this.#total);
    const waiting: Promise<unknown>[] = references(state).map((ref) =>
      this.#openModel(ref, report),
    );
    for (const picture of state.pictures)
      waiting.push(this.#openSession(sizesOf(picture, this.#manifest).graph, report));
    await Promise.all(waiting);
  }

  #openSession(graph: File, report: () => void): Promise<ort.InferenceSession> {
    return remembered(this.#sessions, graph.file, async () => {
      const bytes = this.#fetch(graph, report);
      this.#runtime ??= this.#openRuntime(report).catch((error) => {
        this.#runtime = null;
        throw error;
      });
      await this.#runtime;
      return ort.InferenceSession.create(new Uint8Array(await bytes), {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
      });
    });
  }

  async #openRuntime(report: () => void): Promise<void> {
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = await inflate(await this.#fetch(this.#manifest.runtime, report));
  }

  #openModel(ref: string, report: () => void): Promise<Weights> {
    const { stage } = stageOf(this.#manifest, ref);
    return remembered(this.#models, stage.file, async () => {
      const bytes = await this.#fetch(stage, report);
      try {
        const weights = readSafetensors(bytes);
        this.#opened.set(stage.file, weights);
        return weights;
      } catch (error) {
        throw new Error(`The model “${ref}” is damaged: ${(error as Error).message}.`);
      }
    });
  }

  /** The weights of a reference that was opened before. */
  readonly #weights = (ref: string): Weights =>
    this.#opened.get(stageOf(this.#manifest, ref).stage.file) as Weights;

  async #drawPicture(state: State, picture: Picture, sizes: Architecture): Promise<Float32Array> {
    const session = (await this.#sessions.get(sizes.graph.file)) as ort.InferenceSession;
    const { weights, feed } = this.#blended(picture, session);
    const w = latentsOf(state, weights, this.#weights, this.#manifest, sizes);
    const edit = editOf(state, this.#manifest, sizes);
    const results = await session.run({
      ...feed,
      w_plus: new ort.Tensor("float32", w, [1, sizes.num_ws, sizes.w_dim]),
      edit: new ort.Tensor("float32", edit, [1, edit.length]),
    });
    return results.image?.data as Float32Array;
  }

  #blended(picture: Picture, session: ort.InferenceSession): Blend {
    const key = networkKey(picture);
    const found = this.#blends.find((candidate) => candidate.key === key);
    const others = this.#blends.filter((candidate) => candidate !== found);
    const dropped = found || others.length < MAX_BLENDS ? undefined : others.pop();
    const made = found ?? this.#blend(key, picture, session, dropped);
    this.#blends = [made, ...others];
    return made;
  }

  #blend(key: string, picture: Picture, session: ort.InferenceSession, dropped?: Blend): Blend {
    const weights = blend(picture, this.#weights, fitting(dropped, this.#weights(picture.base)));
    const feed: Record<string, ort.Tensor> = {};
    for (const name of session.inputNames) {
      const tensor = weights.get(name);
      if (tensor) feed[name] = new ort.Tensor("float32", tensor.data, tensor.dims);
    }
    return { key, weights, feed };
  }

  async #fetch({ file, bytes }: File, report: () => void): Promise<ArrayBuffer> {
    this.#total += bytes;
    const response = await fetch(`${this.#folder}${file}`).catch(() => null);
    if (!response?.ok) {
      const reason = response ? `answer ${response.status}` : "no connection";
      throw new Error(`The file ${file} could not be loaded (${reason}).`);
    }
    const whole = new Uint8Array(bytes);
    let length = 0;
    for await (const chunk of chunksOf(response)) {
      if (length + chunk.length <= bytes) whole.set(chunk, length);
      length += chunk.length;
      this.#arrived += chunk.length;
      report();
    }
    if (length !== bytes)
      throw new Error(`The file ${file} arrived with ${length} of its ${bytes} bytes.`);
    return whole.buffer;
  }
}

/** The arrays of a blend, if they have the sizes of these weights. */
function fitting(dropped: Blend | undefined, like: Weights): Weights | undefined {
  const isFitting = ([name, { data }]: [string, { data: Float32Array }]) =>
    dropped?.weights.get(name)?.data.length === data.length;
  return [...like].every(isFitting) ? dropped?.weights : undefined;
}

/** Makes a value once; a failure is forgotten, so that it can be tried again. */
function remembered<T>(
  known: Map<string, Promise<T>>,
  key: string,
  make: () => Promise<T>,
): Promise<T> {
  const promise = known.get(key) ?? make();
  known.set(key, promise);
  promise.catch(() => known.delete(key));
  return promise;
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Unpacks gzip; the runtime is kept packed, as it is a quarter of the size. */
async function inflate(packed: ArrayBuffer): Promise<ArrayBuffer> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
