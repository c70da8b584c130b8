/** Drops from a built site's style sheets the rules that none of its pages and scripts can use. */

import { writeFileSync } from "node:fs";
import { PurgeCSS } from "purgecss";

const site = process.argv[2];
if (!site) throw new Error("Name the folder of the site.");

const sheets = await new PurgeCSS().purge({
  content: [
    `${site}/*.html`,
    `${site}/{book,notebooks}/**/*.html`,
    `${site}/{_static,live}/**/*.js`,
  ],
  css: [`${site}/_static/**/*.css`],
});
for (const { file, css } of sheets) if (file) writeFileSync(file, css);
