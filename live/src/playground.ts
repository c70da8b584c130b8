/** `<live-playground>`: all controls for up to three pictures, and a link for what is seen. */

import {
  channelRange,
  choice,
  controlOf,
  mostResolutions,
  numberField,
  type Range,
  resetRange,
  setOrDrop,
  slider,
} from "./controls.ts";
import { make, newId } from "./dom.ts";
import { LiveModels } from "./element.ts";
import { stageRefs } from "./manifest.ts";
import { morphSquare } from "./morph_square.ts";
import {
  COMPONENTS,
  fromFragment,
  type Picture,
  plainPicture,
  type State,
  sizesOf,
  toFragment,
} from "./state.ts";
import type { Store } from "./store.ts";

const MAX_PICTURES = 3;
const NUM_TERMS = 3;
const LINK_DELAY_MS = 250;

class LivePlayground extends LiveModels {
  /** Which picture the controls of networks are for. */
  #selected = 0;
  readonly #onSelect = new Set<() => void>();
  #linkTimer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("hashchange", this.#followLink);
  }

  disconnectedCallback(): void {
    removeEventListener("hashchange", this.#followLink);
  }

  protected override readState(): unknown {
    return location.hash.length > 1 ? fromFragment(location.hash) : super.readState();
  }

  protected override buildControls(store: Store): void {
    const { manifest } = store;
    this.#selected = Math.max(
      0,
      store.state.pictures.findIndex(({ terms }) => terms.length > 0),
    );
    this.controls.replaceChildren(
      make("legend", {}, "Controls of the playground"),
      group("Person", true, [
        row(controlOf("new", store), this.#startAnew(store)),
        controlOf("seed", store),
        controlOf("psi", store),
        this.#mapping(store),
        mixSeed(store),
        controlOf("mix", store),
      ]),
      group(
        "Directions of W",
        true,
        manifest.directions.map(({ name }) => controlOf(`move:${name}`, store)),
      ),
      group("Networks", true, this.#networks(store)),
      group("Reset components and resolutions", false, this.#resets(store)),
      group("Swap layers", false, this.#swaps(store)),
      group("Morph", false, [morphPanel(store)]),
      group("Style channels", false, [channelPanel(store)]),
      group("Save and share", false, this.#saving(store)),
    );
    store.watch((state) => this.#writeLink(state));
    this.strip?.element.addEventListener("click", (event) => {
      const figure = (event.target as Element).closest("figure");
      const index = [...(this.strip?.element.children ?? [])].indexOf(figure as Element);
      if (index >= 0) this.#select(index);
    });
  }

  #select(index: number): void {
    this.#selected = index;
    for (const listener of this.#onSelect) listener();
  }

  #picture(state: State): Picture {
    return state.pictures[Math.min(this.#selected, state.pictures.length - 1)] as Picture;
  }

  /** Calls when the state or the choice of the picture changes. */
  #watch(store: Store, listener: (state: State, picture: Picture) => void): void {
    const tell = () => listener(store.state, this.#picture(store.state));
    store.watch(tell);
    this.#onSelect.add(tell);
  }

  #startAnew(store: Store): HTMLElement {
    const button = make("button", { type: "button", class: "live-button" }, "Start anew");
    button.addEventListener("click", () =>
      store.update((draft) => {
        Object.assign(draft, structuredClone(this.#given(store)));
      }),
    );
    return button;
  }

  #given(store: Store): State {
    return store.parse(super.readState());
  }

  #mapping(store: Store): HTMLElement {
    const options = [
      ["", "from each own mapping network"],
      ...store.manifest.models.map(({ name, label }) => [name, `all from that of ${label}`]),
    ] as [string, string][];
    return choice(
      store,
      "Latents",
      options,
      (state) => state.mapping ?? "",
      (draft, value) => {
        draft.mapping = value || null;
      },
    );
  }

  #networks(store: Store): HTMLElement[] {
    const bar = make("div", {
      class: "live-tabs",
      role: "group",
      "aria-label": "Picture to change",
    });
    const draw = () => {
      const { pictures } = store.state;
      this.#selected = Math.min(this.#selected, pictures.length - 1);
      while (bar.childElementCount > pictures.length) bar.lastElementChild?.remove();
      while (bar.childElementCount < pictures.length) bar.append(this.#tab(bar));
      for (const [index, tab] of [...bar.children].entries())
        tab.setAttribute("aria-pressed", String(index === this.#selected));
      for (const [index, figure] of [...(this.strip?.element.children ?? [])].entries())
        figure.classList.toggle("live-selected", pictures.length > 1 && index === this.#selected);
    };
    store.watch(draw);
    this.#onSelect.add(draw);
    const terms = Array.from({ length: NUM_TERMS }, (_, index) => this.#term(store, index)).flat();
    return [bar, row(this.#add(store), this.#remove(store)), this.#base(store), ...terms];
  }

  #tab(bar: HTMLElement): HTMLElement {
    const index = bar.childElementCount;
    const tab = make("button", { type: "button", class: "live-button" }, `Picture ${index + 1}`);
    tab.addEventListener("click", () => this.#select(index));
    return tab;
  }

  #add(store: Store): HTMLElement {
    const button = make("button", { type: "button", class: "live-button" }, "Add a picture");
    button.addEventListener("click", () => {
      store.update((draft) => {
        draft.pictures.push(structuredClone(this.#picture(draft)));
      });
      this.#select(store.state.pictures.length - 1);
    });
    store.watch(({ pictures }) => {
      button.disabled = pictures.length >= MAX_PICTURES;
    });
    return button;
  }

  #remove(store: Store): HTMLElement {
    const button = make("button", { type: "button", class: "live-button" }, "Remove it");
    button.addEventListener("click", () =>
      store.update((draft) => {
        draft.pictures.splice(draft.pictures.indexOf(this.#picture(draft)), 1);
      }),
    );
    store.watch(({ pictures }) => {
      button.disabled = pictures.length < 2;
    });
    return button;
  }

  #base(store: Store): HTMLElement {
    return this.#choice(
      store,
      "Network",
      () => weightOptions(store),
      (picture) => picture.base,
      (picture, value, draft) => {
        picture.base = value;
        picture.label = null;
        const sizes = sizesOf(picture, store.manifest);
        picture.terms = picture.terms.filter(
          ({ model }) => sizesOf(plainPicture(model), store.manifest) === sizes,
        );
        if (picture.terms.length === 0) Object.assign(picture, plainPicture(value));
        dropMisfits(draft, store);
      },
    );
  }

  /** One model to go towards, and how far. */
  #term(store: Store, index: number): HTMLElement[] {
    const words = ["Plus the change to", "and to", "and to"];
    const which = this.#choice(
      store,
      words[index] as string,
      (picture) => [["", "nothing"], ...weightOptions(store, picture)],
      (picture) => picture.terms[index]?.model ?? "",
      (picture, value) => {
        picture.label = null;
        if (value === "") picture.terms.splice(index, 1);
        else picture.terms[index] = { model: value, amount: picture.terms[index]?.amount ?? 1 };
      },
    );
    const amount = this.#slider(store, {
      label: "Amount",
      min: -0.5,
      max: 1.5,
      step: 0.01,
      read: (state) => this.#picture(state).terms[index]?.amount ?? 0,
      write: (draft, value) => {
        const term = this.#picture(draft).terms[index];
        if (term) term.amount = value;
      },
      tell: (value) => `${Math.round(100 * value)} %`,
    });
    this.#watch(store, (_, { terms }) => {
      which.hidden = index > terms.length;
      amount.hidden = index >= terms.length;
    });
    return [which, amount];
  }

  #resets(store: Store): HTMLElement[] {
    const keys = [...COMPONENTS, ...mostResolutions(store).map(String)];
    const note = make("p", { class: "live-note" });
    this.#watch(store, (_, { base, terms }) => {
      note.textContent = terms.length
        ? `Back to ${base}, in the picture that is chosen above.`
        : "Choose a network plus a change above: this takes parts of the change back.";
    });
    const sliders = keys.map((key) => {
      const range = resetRange(key);
      return this.#slider(store, {
        ...range,
        read: (state) => this.#picture(state).reset[key] ?? 0,
        write: (draft, value) => setOrDrop(this.#picture(draft).reset, key, value),
      });
    });
    this.#watch(store, (_, picture) => {
      for (const one of sliders) setEnabled(one, picture.terms.length > 0);
    });
    return [note, ...sliders];
  }

  #swaps(store: Store): HTMLElement[] {
    const kinds = [
      ["", "the change everywhere"],
      ["swap", "swap at a resolution"],
      ["blocks", "choose each resolution"],
    ] as [string, string][];
    const kind = this.#choice(
      store,
      "Where the change is",
      () => kinds,
      ({ swap, blocks }) => (swap ? "swap" : blocks ? "blocks" : ""),
      (picture, value) => {
        picture.swap = value === "swap" ? { r_swap: 16, child_gives: "low", width: 0 } : null;
        picture.blocks = value === "blocks" ? { 4: 1, 8: 1 } : null;
      },
    );
    const resolutions = mostResolutions(store);
    const swapSliders = [
      this.#slider(store, this.#swapRange(resolutions)),
      this.#choice(
        store,
        "The change gives",
        () => [
          ["low", "low resolutions"],
          ["high", "high resolutions"],
        ],
        ({ swap }) => swap?.child_gives ?? "low",
        ({ swap }, value) => {
          if (swap) swap.child_gives = value as "low" | "high";
        },
      ),
      this.#slider(store, this.#widthRange()),
    ];
    const blockSliders = resolutions.map((r) => this.#slider(store, this.#blockRange(String(r))));
    this.#watch(store, (_, { terms, swap, blocks }) => {
      setEnabled(kind, terms.length > 0);
      for (const one of swapSliders) one.hidden = !swap;
      for (const one of blockSliders) one.hidden = !blocks;
    });
    return [kind, ...swapSliders, ...blockSliders];
  }

  #swapRange(resolutions: number[]): Range {
    return {
      label: "Low resolutions end with",
      min: 0,
      max: resolutions.length - 1,
      step: 1,
      read: (state) => {
        const r_swap = this.#picture(state).swap?.r_swap ?? 0;
        return resolutions.findIndex((resolution) => resolution >= r_swap);
      },
      write: (draft, value) => {
        const { swap } = this.#picture(draft);
        if (swap) swap.r_swap = resolutions[value] as number;
      },
      tell: (value) => `${resolutions[value]} px`,
    };
  }

  #widthRange(): Range {
    return {
      label: "Width of the transition",
      min: 0,
      max: 3,
      step: 0.1,
      read: (state) => this.#picture(state).swap?.width ?? 0,
      write: (draft, value) => {
        const { swap } = this.#picture(draft);
        if (swap) swap.width = value;
      },
      tell: (value) => (value === 0 ? "a step" : `${value.toFixed(1)} oct.`),
    };
  }

  #blockRange(key: string): Range {
    return {
      label: `Share at ${key} px`,
      min: 0,
      max: 1,
      step: 0.01,
      read: (state) => this.#picture(state).blocks?.[key] ?? 0,
      write: (draft, value) => {
        const { blocks } = this.#picture(draft);
        if (blocks) setOrDrop(blocks, key, value);
      },
      tell: (value) => `${Math.round(100 * value)} %`,
    };
  }

  /** A slider that shows the chosen picture. */
  #slider(store: Store, range: Range): HTMLElement {
    return slider(store, range, (listener) => this.#watch(store, listener));
  }

  /** A list to choose from, for the chosen picture. */
  #choice(
    store: Store,
    label: string,
    options: (picture: Picture) => (readonly [string, string])[],
    read: (picture: Picture) => string,
    write: (picture: Picture, value: string, draft: State) => void,
  ): HTMLElement {
    const id = newId();
    const select = make("select", { id });
    select.addEventListener("change", () =>
      store.update((draft) => write(this.#picture(draft), select.value, draft)),
    );
    let shown = "";
    this.#watch(store, (_, picture) => {
      const list = options(picture);
      if (JSON.stringify(list) !== shown) {
        shown = JSON.stringify(list);
        select.replaceChildren(...list.map(([value, text]) => make("option", { value }, text)));
      }
      select.value = read(picture);
    });
    return make("div", { class: "live-choice" }, make("label", { for: id }, label), select);
  }

  #saving(store: Store): HTMLElement[] {
    const note = make("output", { class: "live-note" });
    const button = (label: string, action: () => Promise<string>) => {
      const made = make("button", { type: "button", class: "live-button" }, label);
      made.addEventListener("click", async () => {
        note.textContent = await action().catch(() => "The browser did not allow it.");
      });
      return made;
    };
    const code = make("pre", { class: "live-code", tabindex: 0, "aria-label": "Lines of Python" });
    store.watch(() => {
      code.textContent = this.python;
    });
    return [
      row(
        button("Save the picture", () => this.#savePicture(store)),
        button("Copy the link", () => copy(this.#link(store.state), "The link is copied.")),
        button("Copy the Python lines", () => copy(this.python, "The lines are copied.")),
        button("Save the Python lines", () => this.#savePython(store)),
      ),
      note,
      code,
    ];
  }

  async #savePicture(store: Store): Promise<string> {
    const canvas = this.strip?.canvas() as HTMLCanvasElement;
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    save(blob as Blob, `live-seed-${store.state.seed}.png`);
    return "The picture is saved.";
  }

  async #savePython(store: Store): Promise<string> {
    const blob = new Blob([this.python], { type: "text/x-python" });
    save(blob, `live-seed-${store.state.seed}.py`);
    return "The lines are saved.";
  }

  #link(state: State): string {
    return `${location.href.split("#")[0]}#${toFragment(state)}`;
  }

  #writeLink(state: State): void {
    clearTimeout(this.#linkTimer);
    if (state === this.store?.initial) return;
    const write = () => history.replaceState(null, "", this.#link(state));
    this.#linkTimer = window.setTimeout(write, LINK_DELAY_MS);
  }

  readonly #followLink = (): void => {
    if (!this.store) {
      void this.prepare();
      return;
    }
    try {
      const state = this.store.parse(this.readState());
      this.store.update((draft) => Object.assign(draft, state));
      this.say("");
    } catch (error) {
      this.say((error as Error).message);
    }
  };
}

function group(title: string, isOpen: boolean, parts: HTMLElement[]): HTMLElement {
  const body = make("div", { class: "live-group" }, ...parts);
  return make("details", { open: isOpen }, make("summary", {}, title), body);
}

function row(...parts: HTMLElement[]): HTMLElement {
  return make("div", { class: "live-row" }, ...parts);
}

function setEnabled(control: HTMLElement, isEnabled: boolean): void {
  for (const input of control.querySelectorAll<HTMLInputElement>("input, select"))
    input.disabled = !isEnabled;
}

/** All weights that can be chosen: of the sizes of a picture, if one is given. */
function weightOptions({ manifest }: Store, like?: Picture): [string, string][] {
  return manifest.models
    .filter(
      (model) => !like || manifest.architectures[model.architecture] === sizesOf(like, manifest),
    )
    .flatMap((model) => [
      [model.name, model.label] as [string, string],
      ...stageRefs(model)
        .filter(({ ref }) => ref.includes("@") && !ref.endsWith("@0"))
        .map(({ ref, kimg }) => [ref, `${model.label}, ${kimg} kimg`] as [string, string]),
    ]);
}

/** Takes out what networks of other sizes can not have. */
function dropMisfits(draft: State, { manifest }: Store): void {
  const sizes = draft.pictures.map((picture) => sizesOf(picture, manifest));
  const fits = (ref: string) => sizes.every((one) => one === sizesOf(plainPicture(ref), manifest));
  if (draft.mapping && !fits(draft.mapping)) draft.mapping = null;
  if (draft.morph && !fits(draft.morph.model)) draft.morph = null;
  const numLayers = Math.min(...sizes.map(({ layers }) => layers.length));
  for (const name of Object.keys(draft.channels))
    if (Number(name.split("_")[0]) >= numLayers) delete draft.channels[name];
}

function mixSeed(store: Store): HTMLElement {
  return numberField(
    store,
    "Another seed",
    0xffffffff,
    (state) => state.mix?.seed ?? state.seed + 1,
    (draft, seed) => {
      draft.mix = { seed, layer: draft.mix?.layer ?? mostResolutions(store).length };
    },
  );
}

/** A morph can be begun and ended; while there is one, the square moves it. */
function morphPanel(store: Store): HTMLElement {
  const panel = make("div", { class: "live-group" });
  const id = newId();
  const box = make("input", { type: "checkbox", id });
  const inner = make("div", { class: "live-group" });
  box.addEventListener("change", () =>
    store.update((draft) => {
      draft.morph = box.checked ? beginMorph(draft, store) : null;
    }),
  );
  store.watch((state) => {
    box.checked = state.morph !== null;
    inner.hidden = !state.morph;
    if (state.morph && !inner.childElementCount)
      inner.append(
        numberField(
          store,
          "Ends at seed",
          0xffffffff,
          ({ morph }) => morph?.seed ?? 0,
          (draft, seed) => {
            if (draft.morph) draft.morph.seed = seed;
          },
        ),
        morphSquare(store),
      );
  });
  panel.append(
    make(
      "div",
      { class: "live-check" },
      box,
      make("label", { for: id }, "Morph to another person in the network of the change"),
    ),
    inner,
  );
  return panel;
}

function beginMorph(draft: State, { manifest }: Store): NonNullable<State["morph"]> {
  const term = draft.pictures.flatMap(({ terms }) => terms)[0];
  const model = term?.model ?? (draft.pictures[0] as Picture).base;
  const fits = sizesOf(plainPicture(model), manifest);
  draft.pictures = draft.pictures.filter((picture) => sizesOf(picture, manifest) === fits);
  return { seed: draft.seed + 1, model, t1: 0 };
}

/** Choose a channel by region, and move those that were chosen. */
function channelPanel(store: Store): HTMLElement {
  const panel = make("div", { class: "live-group" });
  const names = [...new Set(store.manifest.channels.flatMap(({ region }) => region ?? []))].sort();
  const region = make(
    "select",
    { "aria-label": "Region" },
    make("option", { value: "" }, "all channels"),
  );
  region.append(...names.map((name) => make("option", { value: name }, name)));
  const channel = make("select", { "aria-label": "Channel" });
  const list = () => {
    const shown = store.manifest.channels.filter((c) => !region.value || c.region === region.value);
    channel.replaceChildren(
      ...shown.map(({ name, region: place, factor }) => {
        const what = [place, factor].filter(Boolean).join(", ").replaceAll("_", " ");
        return make("option", { value: name }, what ? `${name} · ${what}` : name);
      }),
    );
  };
  region.addEventListener("change", list);
  list();
  const add = make("button", { type: "button", class: "live-button" }, "Move it");
  const sliders = make("div", { class: "live-group" });
  const made = new Map<string, HTMLElement>();
  const keep = (name: string) => {
    if (made.has(name)) return;
    const one = slider(store, channelRange(store, name));
    made.set(name, one);
    sliders.append(one);
  };
  add.addEventListener("click", () => {
    keep(channel.value);
    made.get(channel.value)?.querySelector("input")?.focus();
  });
  store.watch(({ channels }) => Object.keys(channels).forEach(keep));
  panel.append(row(region, channel, add), sliders);
  return panel;
}

function save(blob: Blob, name: string): void {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

async function copy(text: string, done: string): Promise<string> {
  await navigator.clipboard.writeText(text);
  return done;
}

customElements.define("live-playground", LivePlayground);
