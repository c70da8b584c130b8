/** The worker: draws one request after the other. */

import { type Drawn, Engine } from "./engine.ts";
import type { Reply, Request } from "./messages.ts";

let engine: Engine | null = null;

function answer(reply: Reply, transfer: Transferable[] = []): void {
  postMessage(reply, { transfer });
}

async function draw({ id, state, indices }: Request & { kind: "draw" }): Promise<void> {
  try {
    const pictures = await (engine as Engine).draw(state, indices, (arrived, total) =>
      answer({ kind: "progress", arrived, total }),
    );
    answer({ kind: "drawn", id, pictures }, pictures.map(bufferOf));
  } catch (error) {
    answer({ kind: "failed", id, message: sentence(error) });
  }
}

function bufferOf({ values }: Drawn): Transferable {
  return values.buffer as ArrayBuffer;
}

/** Our own errors are sentences; those of the runtime are put into one. */
function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/out of memory|allocation failed|memory access|RangeError|OOM/i.test(`${error}`))
    return "The models need more memory than this browser gives them.";
  return /[.!]$/.test(text) ? text : `The models can not run here (${text}).`;
}

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if (data.kind === "open") engine = new Engine(data.folder, data.manifest);
  else void draw(data);
});
