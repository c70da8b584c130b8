/** `<live-models>`: a still picture that comes alive on a click. See the README for its words. */

import { openManifest } from "./client.ts";
import { controlOf } from "./controls.ts";
import { make, megabytes } from "./dom.ts";
import { type Manifest, stageOf } from "./manifest.ts";
import { pythonLines } from "./python.ts";
import { references, type State, StateError, toFragment } from "./state.ts";
import { Store } from "./store.ts";
import { Strip } from "./strip.ts";

const NEAR_VIEW = "300px";

export class LiveModels extends HTMLElement {
  strip: Strip | null = null;
  store: Store | null = null;
  readonly stage = make("div", { class: "live-stage" });
  readonly controls = make("fieldset", { class: "live-controls", disabled: true });
  readonly #still = make("div", { class: "live-still" });
  readonly #status = make("p", { class: "live-status", role: "status" });
  readonly #button = make("button", { type: "button", class: "live-start" }, "Run the models");

  connectedCallback(): void {
    if (this.stage.isConnected) return;
    this.#still.append(...this.childNodes);
    this.stage.append(this.#still, this.#button);
    this.append(this.stage, this.#status, this.controls);
    this.#button.hidden = true;
    this.#button.addEventListener("click", () => void this.start());
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        void this.prepare();
      },
      { rootMargin: NEAR_VIEW },
    );
    observer.observe(this);
  }

  /** Reads the list of models and the state, and shows the controls, still at rest. */
  protected async prepare(): Promise<void> {
    try {
      if (typeof WebAssembly === "undefined")
        throw new Error("This browser runs no WebAssembly, which the models need.");
      const manifest = await openManifest();
      this.store = new Store(manifest, this.readState());
      this.strip = new Strip(this.store, (error) => this.#end(error));
      this.buildControls(this.store);
      this.#button.textContent = `Run the models here (${megabytes(bytesOf(this.store.state, manifest))})`;
      this.#button.hidden = false;
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.say("");
    if (this.getAttribute("start") === "view" && !savesData()) await this.start();
  }

  /** Loads the models and puts live pictures in place of the still one. */
  async start(): Promise<void> {
    if (!this.strip) return;
    this.#button.disabled = true;
    this.say("");
    this.classList.remove("live-failed");
    try {
      await this.strip.start((arrived, total) => {
        this.#button.textContent = `Loading ${megabytes(arrived)} of ${megabytes(total)}`;
      });
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#still.hidden = true;
    this.#button.hidden = true;
    this.stage.prepend(this.strip.element);
    this.controls.disabled = false;
    this.classList.add("live-running");
    this.dispatchEvent(new CustomEvent("live-start", { bubbles: true }));
  }

  /** The state as the page gives it. */
  protected readState(): unknown {
    try {
      return JSON.parse(this.getAttribute("state") ?? "{}");
    } catch {
      throw new StateError("The state that the page gives is no JSON.");
    }
  }

  /** Fills the controls. */
  protected buildControls(store: Store): void {
    const words = (this.getAttribute("controls") ?? "new").split(/\s+/).filter(Boolean);
    this.controls.replaceChildren(
      make("legend", {}, this.getAttribute("label") ?? "Controls of the live models"),
      ...words.map((word) => controlOf(word, store)),
      playgroundLink(store),
    );
  }

  /** The Python lines that make the pictures of now. */
  get python(): string {
    return this.store ? pythonLines(this.store.state, this.store.manifest) : "";
  }

  /** Puts a sentence below the pictures. */
  protected say(sentence: string): void {
    this.#status.textContent = sentence;
  }

  /** Tells that the pictures are those of the newest state, or why not. */
  #end(error: Error | null): void {
    if (error) this.#fail(error);
    else this.#mend();
    this.dispatchEvent(new CustomEvent("live-drawn", { bubbles: true }));
  }

  /** Takes an earlier fault's sentence and button away. */
  #mend(): void {
    if (!this.classList.contains("live-failed")) return;
    this.classList.remove("live-failed");
    this.#button.hidden = true;
    this.say("");
  }

  #fail(error: Error): void {
    this.classList.add("live-failed");
    this.#button.disabled = false;
    this.#button.textContent = "Try again";
    this.#button.hidden = this.strip === null;
    this.say(error.message);
  }
}

function savesData(): boolean {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}

/** All that has to be loaded for a state. */
export function bytesOf(state: State, manifest: Manifest): number {
  const stages = references(state).map((ref) => stageOf(manifest, ref));
  const files = new Map(stages.map(({ stage }) => [stage.file, stage.bytes]));
  for (const { model } of stages) {
    const { graph } = manifest.architectures[model.architecture] as {
      graph: typeof manifest.runtime;
    };
    files.set(graph.file, graph.bytes);
  }
  return [...files.values()].reduce((sum, bytes) => sum + bytes, manifest.runtime.bytes);
}

function playgroundLink(store: Store): HTMLElement {
  const link = make("a", { class: "live-link" }, "Open in the playground");
  store.watch((state) => {
    link.href = `${new URL("../book/playground.html", import.meta.url).href}#${toFragment(state)}`;
  });
  return link;
}

customElements.define("live-models", LiveModels);
