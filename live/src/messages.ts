/** What the page and its worker say to each other. */

import type { Drawn } from "./engine.ts";
import type { Manifest } from "./manifest.ts";
import type { State } from "./state.ts";

export type Request =
  | { kind: "open"; folder: string; manifest: Manifest }
  | { kind: "draw"; id: number; state: State; indices: readonly number[] };

export type Reply =
  | { kind: "progress"; arrived: number; total: number }
  | { kind: "drawn"; id: number; pictures: readonly Drawn[] }
  | { kind: "failed"; id: number; message: string };
