/** The state of one figure, and who wants to know when it changes. */

import type { Manifest } from "./manifest.ts";
import { parseState, type State } from "./state.ts";

export class Store {
  readonly manifest: Manifest;
  readonly initial: State;
  #state: State;
  readonly #listeners = new Set<(state: State) => void>();

  /** @throws {StateError} What a page or a link gave is no state. */
  constructor(manifest: Manifest, given: unknown) {
    this.manifest = manifest;
    this.initial = this.parse(given);
    this.#state = this.initial;
  }

  parse(given: unknown): State {
    return parseState(given, this.manifest);
  }

  get state(): State {
    return this.#state;
  }

  /** Changes a copy of the state and tells everybody. */
  update(change: (draft: State) => void): void {
    const draft = structuredClone(this.#state);
    change(draft);
    this.#state = draft;
    for (const listener of this.#listeners) listener(draft);
  }

  /** Calls now and after every change. */
  watch(listener: (state: State) => void): void {
    this.#listeners.add(listener);
    listener(this.#state);
  }
}
