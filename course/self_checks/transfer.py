"""Checks of the chapters about what transfer learning does to a network."""

import numpy as np
import torch

import sa_helpers as sa
from sa_helpers.alignment import image_changes
from sa_helpers.blending import COMPONENTS, weight_change
from sa_helpers.latents import z_from_seeds

from .answers import near, number, numbers, require


def mean_image(mean_images, *, trio):
    """One picture a model, at psi = 0."""
    require(set(mean_images) == set(trio), f"mean_images needs the keys {', '.join(trio)}")
    for name, model in trio.items():
        expected = sa.images_from_seeds(model, [11], truncation_psi=0.0)
        images = mean_images[name]
        require(images.shape == expected.shape, f"mean_images[{name!r}] has to hold one picture")
        difference = (images - expected).abs().mean()
        require(difference < 0.01, f"mean_images[{name!r}] is not its picture at psi = 0")


def who_is_who(shares, *, others, parent):
    """The nearest of the parent's latents, for each latent of another network."""
    found = numbers(shares, "shares", others)
    z = z_from_seeds(range(500), z_dim=parent.config.z_dim)
    with torch.inference_mode():
        w = parent.mapping(z)
        for name, model in others.items():
            nearest = torch.cdist(model.mapping(z), w).argmin(dim=1)
            share = float((nearest == torch.arange(len(z))).float().mean())
            hint = "which of the parent's w is nearest, and is it that of the same z?"
            near(found[name], share, f"shares[{name!r}]", within=0.02, hint=hint)


def half_way(
    distances, constant_pace_kimg, *, stages, DISTANT, parent, children, SEEDS, PSI, NETWORK
):
    """From the half-way model to every snapshot."""
    snapshots = dict(stages[DISTANT])
    found = numbers(distances, "distances", snapshots)
    model = sa.interpolate_weights(parent, children[DISTANT], amount=0.5)
    ends = {kimg: snapshots[kimg] for kimg in (min(snapshots), max(snapshots))}
    changes = image_changes(model, ends, SEEDS[:6], truncation_psi=PSI, network=NETWORK)
    for kimg, change in changes.items():
        hint = f"measure from the half-way model of the parent and {DISTANT}"
        name = f"distances[{kimg!r}]"
        near(found[kimg], number(change, name), name, within=0.07, hint=hint)
    hint = "at constant pace half of the way takes half of the training"
    half = max(snapshots) / 2
    near(constant_pace_kimg, half, "constant_pace_kimg", within=0.5, hint=hint)


def two_parts(both, distance_of_both, sum_of_distances, *, parent, children, DISTANT, effects):
    """Weights of two components back, the others as they were."""
    for part in COMPONENTS:
        is_back = part in ("conv", "torgb")
        owner = parent if is_back else children[DISTANT]
        whose = "the parent's" if is_back else "the child's"
        moved = weight_change(owner, both, part).relative
        require(moved < 1e-6, f"{part} of both has to be {whose}")
    total = number(effects[DISTANT]["conv"], "conv") + number(effects[DISTANT]["torgb"], "torgb")
    hint = "add the two effects that the chapter measured"
    near(sum_of_distances, total, "sum_of_distances", within=0.01, hint=hint)
    distance = number(distance_of_both, "distance_of_both")
    is_between = total / 2 < distance < 1.2 * total
    require(is_between, "distance_of_both is measured from the child, with the same seeds")


def other_way(gifted, *, parent, children, DISTANT):
    """Each model is the parent with one component of the child."""
    require(set(gifted) == set(COMPONENTS), f"gifted needs the keys {', '.join(COMPONENTS)}")
    for given, model in gifted.items():
        for part in COMPONENTS:
            owner = children[DISTANT] if part == given else parent
            whose = f"that of {DISTANT}" if part == given else "the parent's"
            moved = weight_change(owner, model, part).relative
            require(moved < 1e-6, f"{part} of gifted[{given!r}] has to be {whose}")


def weights_or_place(
    moved, seen, rank_correlation, *, parent, children, DISTANT, resolutions, effects_at
):
    """Two lists with an entry for each resolution, and how well their orders agree."""
    for values, name in ((moved, "moved"), (seen, "seen")):
        require(len(values) == len(resolutions), f"{name} needs an entry for each resolution")
    for index, resolution in enumerate(resolutions):
        change = weight_change(parent, children[DISTANT], "conv", resolution=resolution)
        hint = f"the relative change of the feature convolutions at {resolution} px"
        near(moved[index], change.relative, f"moved[{index}]", within=0.005, hint=hint)
        effect = number(effects_at[DISTANT][resolution], "effect")
        hint = f"the mean effect of the reset at {resolution} px"
        near(seen[index], effect, f"seen[{index}]", within=0.005, hint=hint)
    ranks = [np.argsort(np.argsort(values)) for values in (moved, seen)]
    expected = float(np.corrcoef(*ranks)[0, 1])
    hint = "correlate the ranks of moved and seen, not their values"
    near(rank_correlation, expected, "rank_correlation", within=0.01, hint=hint)
