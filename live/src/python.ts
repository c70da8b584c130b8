/** The lines of Python that make the pictures of a state with `sa_helpers`. */

import type { Manifest } from "./manifest.ts";
import { modelOf } from "./manifest.ts";
import { type Picture, references, resolutionsOf, type State, sizesOf } from "./state.ts";

/** A script that ends with a list `images`, one tensor [1, 3, height, width] a picture. */
export function pythonLines(state: State, manifest: Manifest): string {
  const used = new Set<string>();
  const body = [
    ...modelLines(state, manifest),
    ...state.pictures.map((picture) => networkLine(picture, manifest, used)),
    "",
    "",
    ...latentLines(state),
    "",
    "",
    ...pictureLines(state, used),
    "",
    "",
    "images = [picture(model) for model in pictures]",
  ];
  const imports = [...used].sort().map((name) => `from ${name}`);
  return `${["import torch", "", "import sa_helpers as sa", ...imports, "", ...body].join("\n")}\n`;
}

function modelLines(state: State, manifest: Manifest): string[] {
  const opened = references(state).map((ref) => `    "${ref}": ${opening(ref, manifest)},`);
  return [
    `models = sa.open_family("${manifest.family}")`,
    "network = {",
    ...opened,
    "}",
    "pictures = []",
  ];
}

function opening(ref: string, manifest: Manifest): string {
  const [name = "", kimg] = ref.split("@");
  if (kimg === undefined) return `models["${name}"].generator`;
  if (kimg === "0") return `models["${modelOf(manifest, name).parent}"].generator`;
  return `dict(models["${name}"].snapshots)[${Number(kimg).toFixed(1)}]`;
}

function networkLine(picture: Picture, manifest: Manifest, used: Set<string>): string {
  return `pictures.append(${networkExpression(picture, manifest, used)})`;
}

function networkExpression(picture: Picture, manifest: Manifest, used: Set<string>): string {
  const terms = picture.terms.filter(({ amount }) => amount !== 0);
  const base = `network["${picture.base}"]`;
  if (!terms.length) return base;
  const [first] = terms;
  const child = `network["${first?.model}"]`;
  const isOne = terms.length === 1;
  const resets = Object.keys(picture.reset).length > 0;
  if (isOne && !resets && !picture.swap && !picture.blocks) {
    return `sa.interpolate_weights(${base}, ${child}, amount=${first?.amount})`;
  }
  if (isOne && first?.amount === 1 && !resets && picture.swap?.width === 0) {
    const { r_swap, child_gives } = picture.swap;
    return `sa.swap_layers(${base}, ${child}, r_swap=${r_swap}, child_gives="${child_gives}")`;
  }
  used.add("sa_helpers.blending import add_changes, share_schedule");
  const children = terms.map(({ model, amount }) => `(network["${model}"], ${amount})`).join(", ");
  const options = scheduleOptions(picture, manifest, used);
  const share = options.length ? `, share_of=share_schedule(${options.join(", ")})` : "";
  return `add_changes(${base}, [${children}]${share})`;
}

function scheduleOptions(picture: Picture, manifest: Manifest, used: Set<string>): string[] {
  const options: string[] = [];
  if (Object.keys(picture.reset).length) options.push(`reset=${dictionary(picture.reset)}`);
  const resolutions = resolutionsOf(sizesOf(picture, manifest));
  if (picture.blocks) {
    const { blocks } = picture;
    const rows = resolutions.map((resolution) => `${resolution}: ${blocks[resolution] ?? 0}`);
    options.push(`amounts={${rows.join(", ")}}`);
  } else if (picture.swap && picture.swap.width > 0) {
    const { r_swap, width, child_gives } = picture.swap;
    used.add("sa_helpers.blending import smooth_amounts");
    const list = `[${resolutions.join(", ")}]`;
    options.push(
      `amounts=smooth_amounts(${list}, r_swap=${r_swap}, width=${width}, child_gives="${child_gives}")`,
    );
  } else if (picture.swap) {
    const { r_swap, child_gives } = picture.swap;
    const rows = resolutions.map(
      (resolution) => `${resolution}: ${Number(resolution <= r_swap === (child_gives === "low"))}`,
    );
    options.push(`amounts={${rows.join(", ")}}`);
  }
  return options;
}

function latentLines(state: State): string[] {
  return [
    "def latents(model, seed):",
    `    return sa.w_plus_from_seeds(model, [seed], truncation_psi=${state.psi})`,
  ];
}

function pictureLines(state: State, used: Set<string>): string[] {
  const source = state.mapping ? `network["${state.mapping}"]` : "model";
  const lines = [`w_plus = latents(${source}, ${state.seed})`];
  if (state.mix) {
    const { seed, layer } = state.mix;
    lines.push(`w_plus[:, ${layer}:] = latents(${source}, ${seed})[:, ${layer}:]`);
  }
  if (state.morph) {
    const { seed, model, t1 } = state.morph;
    lines.push(`w_plus = torch.lerp(w_plus, latents(network["${model}"], ${seed}), ${t1})`);
  }
  for (const [name, amount] of Object.entries(state.moves))
    lines.push(`w_plus = models.scales["${name}"].move(w_plus, ${amount})`);
  lines.push("styles = model.synthesis.w_plus_to_s(w_plus)");
  const channels = Object.entries(state.channels);
  if (channels.length) {
    used.add("sa_helpers.editing import channel_sigmas, edit_channel");
    lines.push(
      "sigmas = channel_sigmas(models.parent.generator, range(10_000), truncation_psi=0.7)",
    );
  }
  for (const [name, amount] of channels)
    lines.push(`styles = edit_channel(styles, "${name}", sigmas=sigmas, amount=${amount})`);
  lines.push("return model.synthesis.s_to_image(styles)");
  return ["@torch.inference_mode()", "def picture(model):", ...lines.map((line) => `    ${line}`)];
}

function dictionary(amounts: Record<string, number>): string {
  return `{${Object.entries(amounts)
    .map(([key, value]) => `"${key}": ${value}`)
    .join(", ")}}`;
}
