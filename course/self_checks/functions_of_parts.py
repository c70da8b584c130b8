"""Checks of the chapters about directions, channels, places and resolutions."""

import numpy as np

import sa_helpers as sa
from sa_helpers import channels, editing
from sa_helpers.blending import drop_top_resolution, weight_change
from sa_helpers.channels.survey import function_ranks
from sa_helpers.images import resize

from .answers import near, number, numbers, require


def half_layers(turned_by, *, DISTANT, models):
    """Degrees by all latents, by the first four and by the others."""
    for name in (models.parent.name, DISTANT):
        require(name in turned_by, f"turned_by has no entry for {name}")
        parts = ("all", "early", "late")
        found = numbers(turned_by[name], f"turned_by[{name!r}]", parts)
        whole = found["all"]
        require(
            whole > 20, f"{name} has to turn by far more than {whole:.1f} degrees: move by REACH"
        )
        is_early = 0.8 < found["early"] / whole < 1.2 and abs(found["late"]) < 0.2 * whole
        require(is_early, f"{name}: early is layers=range(4), late is layers=range(4, num_ws)")


def own_direction(learnt, cosine, parent_turns_by, *, found):
    """A direction of the child, and what it does to the parent."""
    norm = float(learnt.vector.norm())
    require(
        abs(norm - 1) < 0.01, "learnt has to be a direction of length 1: editing.fit_regression"
    )
    expected = float(learnt.vector @ found["yaw_deg"].vector)
    require(expected < 0.99, "learnt is the parent's own: read the child's pictures")
    hint = "the product of the two vectors of length 1"
    near(cosine, expected, "cosine", within=0.01, hint=hint)
    require(cosine > 0.3, "learnt is hardly yaw: pair the child's w with its own readings")
    turned = number(parent_turns_by, "parent_turns_by")
    require(turned > 20, f"the parent turns by more than {turned:.0f} degrees: move it by REACH")


def pure_direction(pure, hair_by, *, w, labels):
    """A direction without the components along three others."""
    length = float(pure.vector.norm())
    require(abs(length - 1) < 0.01, "pure has to be a direction of length 1")
    for factor in ("beard", "yaw_deg", "curl"):
        other = editing.fit_regression(w, labels[factor], name=factor)
        along = abs(float(pure.vector @ other.vector))
        require(along < 0.02, f"pure still points along {factor}: orthogonalise by all three")
    moved = number(hair_by, "hair_by")
    require(-0.5 < moved < 1, "hair_by is in standard deviations: editing.standardise")


def without_eyes(kept_without_eyes, *, own, compared, parent_found, NEAR, DISTANT, FLOOR):
    """Channels of other regions than the eyes that are where they were."""
    found = numbers(kept_without_eyes, "kept_without_eyes", (NEAR, DISTANT, FLOOR))
    is_wanted = (own != channels.NO_REGION) & (own != parent_found.regions.index("eye"))
    for name, count in found.items():
        expected = int((compared[name].localized() == own)[is_wanted].sum())
        hint = "localized in the parent, not in the eyes, and in the same region of the model"
        near(count, expected, f"kept_without_eyes[{name!r}]", within=0, hint=hint)


def threshold(kept_at, *, parent_found, surveys, second, PARENT, NEAR, DISTANT):
    """The share of kept channels at several rates."""
    require(len(kept_at) >= 3, "kept_at needs at least three rates")
    require(min(kept_at) <= 0.5 and max(kept_at) >= 0.95, "kept_at has to reach from 0.5 to 0.95")
    compared = {NEAR: surveys[NEAR], DISTANT: surveys[DISTANT], PARENT: second}
    for rate, shares in kept_at.items():
        found = numbers(shares, f"kept_at[{rate}]", compared)
        own = parent_found.localized(min_rate=rate)
        is_own = own != channels.NO_REGION
        for name, survey in compared.items():
            others = survey.found.localized(min_rate=rate)
            share = float((own == others)[is_own].mean())
            hint = "of the parent's localized channels, those with the same region in the other"
            near(found[name], share, f"kept_at[{rate}][{name!r}]", within=0.01, hint=hint)


def level(kept_at, *, VIEWS, ranks):
    """The share of channels that keep their function, at several levels of chance."""
    for name in VIEWS:
        require(name in kept_at, f"kept_at has no entry for {name}")
        shares = numbers(kept_at[name], f"kept_at[{name!r}]", (0.01, 0.02, 0.1, 0.2))
        for chance, share in shares.items():
            expected = float((ranks[name] <= chance).mean())
            hint = "the share of ranks at or below the level"
            near(share, expected, f"kept_at[{name!r}][{chance}]", within=0.005, hint=hint)


def where(hybrids, does_flip, *, parent, children):
    """The parent with the low resolutions of a shifted and of a flipped child."""
    for name in ("human_right", "human_flipped"):
        for r_swap in (8, 16):
            require((name, r_swap) in hybrids, f"hybrids has no entry for {(name, r_swap)}")
            hybrid = hybrids[name, r_swap]
            for resolution in parent.synthesis.resolutions:
                is_low = resolution <= r_swap
                owner, whose = (children[name], name) if is_low else (parent, "the parent")
                moved = weight_change(owner, hybrid, "conv", resolution=resolution).relative
                message = f"hybrids[{name!r}, {r_swap}] at {resolution} px has to be {whose}'s"
                require(moved < 1e-6, message)
    require(does_flip in (True, False), "does_flip has to be True or False")
    require(not does_flip, "look again at up to 8 px: are the people upside down?")


def instead(eyes_kept, eyes_to_mouth, *, found, models):
    """Two entries of the overlap table."""
    own, others = found.localized(), models["human_flipped"].survey.found.localized()
    eye, mouth = (list(found.regions).index(region) for region in ("eye", "mouth"))
    kept, moved = (int(((own == eye) & (others == goal)).sum()) for goal in (eye, mouth))
    near(eyes_kept, kept, "eyes_kept", within=0, hint="column eye, row eye")
    hint = "columns are regions of the parent, rows of the flipped child"
    near(eyes_to_mouth, moved, "eyes_to_mouth", within=0, hint=hint)


def regained_chance(diagonal, by_chance, *, own, found, GRANDCHILD, surveys, line):
    """Channels on the diagonal, and how many are there if they are shuffled."""
    others = found[GRANDCHILD].localized()
    expected = int(((own == others) & (own != channels.NO_REGION)).sum())
    hint = "localized in both, and in the same region"
    near(diagonal, expected, "diagonal", within=0, hint=hint)
    shuffled = channels.overlap_by_chance(own, others, surveys[line[0]].layers).mean()
    hint = "the mean over many shuffles within each layer"
    near(by_chance, float(shuffled), "by_chance", within=1.5, hint=hint)


def never_left(kept, *, GRANDCHILD, surveys, models, read_well, CHANCE, line):
    """Kept functions of the grandchild and of children that stayed with people."""
    found = numbers(kept, "kept", [GRANDCHILD])
    views = [name for name in found if name.startswith("human_") and name != GRANDCHILD]
    require(views, "kept needs a child that never met a dog, such as human_right")
    for name in found:
        factors = sorted(read_well & models[name].readers.well_read())
        ranks = function_ranks(surveys[line[0]], models[name].survey, factors=factors)
        hint = "the share of function_ranks(parent, child) at or below CHANCE"
        expected = float((ranks <= CHANCE).mean())
        near(found[name], expected, f"kept[{name!r}]", within=0.01, hint=hint)


def same_people(distances_to_parent, *, everyone, line, GRANDCHILD, CONTROL, PSI):
    """Perceptual distances of pictures of the same z, and of another."""
    keys = (GRANDCHILD, CONTROL, "another z")
    found = numbers(distances_to_parent, "distances_to_parent", keys)
    drawn = {
        name: sa.images_from_seeds(everyone[name], range(8), truncation_psi=PSI)
        for name in (line[0], GRANDCHILD)
    }
    expected = number(sa.perceptual_distance(drawn[GRANDCHILD], drawn[line[0]]), "distance")
    hint = "compare pictures of the same z, at PSI"
    near(found[GRANDCHILD], expected, f"[{GRANDCHILD!r}]", within=0.08, hint=hint)
    is_nearer = found[GRANDCHILD] < min(found[CONTROL], found["another z"])
    require(is_nearer, "the grandchild should be nearer than control and another z")


def two_steps(two_down, contrast, *, parent, SEEDS, PSI):
    """A network without its two top resolutions, and its contrast."""
    side = two_down.config.img_resolution
    require(side == parent.config.img_resolution // 4, "two_down still draws too many pixels")
    expected_model = drop_top_resolution(drop_top_resolution(parent))
    seeds = list(SEEDS)[:8]
    pictures = [
        sa.images_from_seeds(model, seeds, truncation_psi=PSI)
        for model in (two_down, expected_model, parent)
    ]
    require((pictures[0] - pictures[1]).abs().mean() < 0.01, "two_down is not cut from the parent")
    resized = resize(pictures[2], img_resolution=side)
    spread = [images.std(dim=(2, 3)).mean(dim=1) for images in (pictures[1], resized)]
    hint = "the spread of its pixels over that of the parent's pictures, resized"
    expected = number(spread[0] / spread[1], "contrast")
    near(contrast, expected, "contrast", within=0.06, hint=hint)


def same_angle(turned):
    """Degrees by which one direction turns two networks."""
    found = numbers(turned, "turned", ("parent", "small"))
    require(found["parent"] > 20, "the parent has to turn by far more: move by half a spread of w")
    share = found["small"] / found["parent"]
    require(0.75 < share < 1.25, "apply the direction of the parent to both, by the same amount")


def which_suffer(kept_by_layer, *, shared, is_kept):
    """The share of kept channels in each layer."""
    layers = np.array(shared.layers)
    found = numbers(kept_by_layer, "kept_by_layer", sorted({int(layer) for layer in layers}))
    for layer, share in found.items():
        expected = float(is_kept[layers == layer].mean())
        hint = "the mean of is_kept over the channels of the layer"
        near(share, expected, f"kept_by_layer[{layer}]", within=0.005, hint=hint)
