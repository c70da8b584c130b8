/** Bundles the app into the folder that is given, beside the models and the graphs. */

import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const folder = process.argv[2];
if (!folder) throw new Error("Name the folder to build into.");

const manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8"));
const wasm = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";
const runtime = gzipSync(readFileSync(wasm), { level: 9 });
manifest.runtime = { file: "ort.wasm.gz", bytes: runtime.length };
writeFileSync(`${folder}/${manifest.runtime.file}`, runtime);
writeFileSync(`${folder}/manifest.json`, JSON.stringify(manifest));

// Parts are called by their content, so those of earlier builds would stay.
for (const name of readdirSync(folder)) if (/^part-.*\.js$/.test(name)) rmSync(`${folder}/${name}`);

await build({
  entryPoints: {
    live: "src/element.ts",
    playground: "src/playground.ts",
    worker: "src/worker.ts",
  },
  outdir: folder,
  bundle: true,
  splitting: true,
  chunkNames: "part-[hash]",
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
});
cpSync("src/live.css", `${folder}/live.css`);
