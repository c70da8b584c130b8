/** The page's side of the workers, which serve all live figures of a page. */

import type { Drawn } from "./engine.ts";
import type { Manifest } from "./manifest.ts";
import type { Reply, Request } from "./messages.ts";
import type { State } from "./state.ts";

export type OnProgress = (arrived: number, total: number) => void;

interface Waiting {
  resolve: (pictures: readonly Drawn[]) => void;
  reject: (error: Error) => void;
}

/** Where the app and its files lie. */
export const FOLDER = new URL("./", import.meta.url).href;

/** One worker, and who waits for its answers. */
class Drawer {
  readonly #worker = new Worker(new URL("worker.js", FOLDER), { type: "module" });
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<OnProgress>();
  #lastId = 0;
  #failure: Error | null = null;

  constructor(manifest: Manifest) {
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#hear(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#fail("The part of the page that runs the models could not start.");
    });
    this.#say({ kind: "open", folder: FOLDER, manifest });
  }

  /** Draws some pictures of a state; loads what they need before. */
  draw(
    state: State,
    indices: readonly number[],
    onProgress: OnProgress,
  ): Promise<readonly Drawn[]> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#lastId;
    this.#listeners.add(onProgress);
    const promise = new Promise<readonly Drawn[]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#say({ kind: "draw", id, state, indices });
    });
    return promise.finally(() => this.#listeners.delete(onProgress));
  }

  #say(request: Request): void {
    this.#worker.postMessage(request);
  }

  #hear(reply: Reply): void {
    if (reply.kind === "progress") {
      for (const listener of this.#listeners) listener(reply.arrived, reply.total);
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "drawn") waiting?.resolve(reply.pictures);
    else waiting?.reject(new Error(reply.message));
  }

  #fail(message: string): void {
    this.#failure = new Error(message);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }

  /** Ends the worker, and gives its memory back. */
  close(): void {
    this.#worker.terminate();
  }
}

/**
 * Draws by one worker, and from the second strip on by two, where the device has two cores: the
 * first pictures come no later, and a strip follows a slider in half the time.
 */
export class Client {
  readonly #manifest: Manifest;
  readonly #first: Drawer;
  #second: Drawer | null = null;
  #isAlone = (globalThis.navigator?.hardwareConcurrency ?? 1) < 2;

  constructor(manifest: Manifest) {
    this.#manifest = manifest;
    this.#first = new Drawer(manifest);
  }

  /** Draws some pictures of a state; loads what they need before. */
  async draw(
    state: State,
    indices: readonly number[],
    onProgress: OnProgress,
  ): Promise<readonly Drawn[]> {
    if (indices.length < 2 || !this.#second) {
      const pictures = await this.#first.draw(state, indices, onProgress);
      if (indices.length > 1 && !this.#isAlone) this.#second ??= new Drawer(this.#manifest);
      return pictures;
    }
    const half = Math.ceil(indices.length / 2);
    const ours = this.#first.draw(state, indices.slice(0, half), onProgress);
    const theirs = this.#help(state, indices.slice(half), onProgress);
    return (await Promise.all([ours, theirs])).flat();
  }

  /** Lets the second worker draw; where it can not, it goes, and the first one does it all. */
  #help(
    state: State,
    indices: readonly number[],
    onProgress: OnProgress,
  ): Promise<readonly Drawn[]> {
    const second = this.#second as Drawer;
    return second
      .draw(state, indices, () => {})
      .catch(() => {
        second.close();
        this.#second = null;
        this.#isAlone = true;
        return this.#first.draw(state, indices, onProgress);
      });
  }
}

let manifest: Promise<Manifest> | null = null;
let client: Promise<Client> | null = null;

/** The manifest, fetched once a page. */
export function openManifest(): Promise<Manifest> {
  manifest ??= fetchManifest().catch((error) => {
    manifest = null;
    throw error;
  });
  return manifest;
}

/** The worker, started once a page. */
export function openClient(): Promise<Client> {
  client ??= openManifest().then((found) => new Client(found));
  client.catch(() => {
    client = null;
  });
  return client;
}

async function fetchManifest(): Promise<Manifest> {
  const response = await fetch(`${FOLDER}manifest.json`).catch(() => null);
  if (!response?.ok) {
    const reason = response ? `answer ${response.status}` : "no connection";
    throw new Error(`The list of models could not be loaded (${reason}).`);
  }
  return response.json().catch(() => {
    throw new Error("The list of models is damaged.");
  });
}
