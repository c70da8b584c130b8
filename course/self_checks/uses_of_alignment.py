"""Checks of the chapters about what alignment is good for."""

import numpy as np
import torch
from sklearn.linear_model import LinearRegression

import sa_helpers as sa
from sa_helpers import morphing
from sa_helpers.alignment import image_changes
from sa_helpers.blending import COMPONENTS, add_changes, component_of, weight_change
from sa_helpers.inversion import ENCODERS
from sa_helpers.translation import TRANSLATORS

from .answers import near, number, numbers, require


def inversion_begin(losses):
    """The last loss of four searches."""
    keys = [(space, start) for space in ("z", "w") for start in ("mean", "nearest")]
    found = numbers(losses, "losses", keys)
    gaps = {space: found[space, "mean"] - found[space, "nearest"] for space in ("z", "w")}
    message = "in Z a start at the mean should cost more: num_candidates=0 begins at the mean"
    require(gaps["z"] > gaps["w"], message)


def inversion_again(image_distance, latent_distance):
    """How far generated pictures and their latents are missed."""
    images = number(image_distance, "image_distance")
    require(images < 0.1, "the pictures should nearly agree: invert what the parent drew, in W")
    latents = number(latent_distance, "latent_distance")
    message = "divide the distance of the latents by the mean distance of two random w"
    require(0.1 < latents < 1.5, message)


def inversion_compromise(reconstruction, distance_to_real, better_psi, *, found):
    """Both sides of the bargain, for several psi and for what was found in Z."""
    first = numbers(reconstruction, "reconstruction", (1.0, 0.7, "z"))
    second = numbers(distance_to_real, "distance_to_real", first)
    hint = "psi = 1 leaves the latents as the search found them"
    whole = number(found["w_plus"].distances, "distances")
    near(first[1.0], whole, "reconstruction[1.0]", within=0.01, hint=hint)
    limits = first.pop("z"), second.pop("z")
    require(first[min(first)] > first[1.0], "truncation should cost reconstruction")
    better = [psi for psi in first if first[psi] < limits[0] and second[psi] < limits[1]]
    message = "better_psi: a psi for which both are below those of Z, or None without one"
    require(better_psi in (better or [None]), message)


def translation_back(there_and_back, inverted):
    """What a detour costs, beside what an inversion costs."""
    back, plain = number(there_and_back, "there_and_back"), number(inverted, "inverted")
    require(
        0 < plain < 0.6, "inverted: the perceptual distance of a plain inversion to its picture"
    )
    require(back > plain, "the detour should cost more than the inversion: compare with the dogs")


def translation_layers(degrees_off):
    """The error of the pose, if the source comes in from layer n on."""
    found = numbers(degrees_off, "degrees_off", (0, 2, 4))
    require(found[0] < 12, "from layer 0 on all latents are the source's: its pose should be there")
    message = "with the first layers of the reference the pose should be lost: swap the roles"
    require(min(found[2], found[4]) > 1.5 * found[0], message)


def translation_fair(aligned, rival, *, models, names):
    """What both methods have cost, in weights and hours."""
    generators = [models.parent.name, *names]
    for cost, name in ((aligned, "aligned"), (rival, "rival")):
        numbers(cost, name, ("weights", "hours"))
    encoder, _ = ENCODERS.load(models[names[1]].encoder_path)
    networks = [encoder, *(models[name].generator for name in generators)]
    hint = "parent, two children and the encoder of dogs"
    total = sum(weight.numel() for network in networks for weight in network.parameters())
    near(aligned["weights"], total, "aligned['weights']", within=0.01 * total, hint=hint)
    translator, _ = TRANSLATORS.load(models.translator_path("dog", "cat"))
    total = sum(weight.numel() for weight in translator.parameters())
    near(rival["weights"], total, "rival['weights']", within=0.01 * total, hint="CUT, dogs to cats")
    hours = sum(models[name].training_hours for name in generators)
    message = f"aligned['hours'] has to hold at least the {hours:.1f} of the generators"
    require(aligned["hours"] >= hours - 0.05, message)
    require(rival["hours"] < aligned["hours"], "rival['hours'] are those of one CUT")


def zero_shot_layers(error_of_last, *, distances, known, known_yaw, latents, yaw):
    """The error of the yaw, if it is read in the last four layers."""
    last = range(8, 12)
    regressor = LinearRegression().fit(distances(known, last), known_yaw)
    guess = regressor.predict(distances(latents["dog"], last))
    expected = float(np.abs(guess - yaw["dog"]).mean())
    hint = "fit the line on people and test it on dogs, in layers 8 to 11"
    near(error_of_last, expected, "error_of_last", within=0.3, hint=hint)


def zero_shot_few(corrected, alone):
    """Errors with k labelled dogs: the reading corrected by a line, and dogs alone."""
    first, second = (
        numbers(d, n, (5, 50)) for d, n in ((corrected, "corrected"), (alone, "alone"))
    )
    require(second[5] > first[5], "with five dogs, dogs alone should do worse: average many draws")
    for values, name in ((first, "corrected"), (second, "alone")):
        require(values[50] < values[5], f"{name}: more labels should help; test on the other dogs")


def zero_shot_latents(guess, oracle, error):
    """The yaw read from known latents, and that of the pictures."""
    require(len(guess) == len(oracle), "guess and oracle need the same dogs")
    require(np.corrcoef(guess, oracle)[0, 1] > 0.4, "guess and oracle are of the same seeds?")
    expected = float(np.abs(np.asarray(guess) - np.asarray(oracle)).mean())
    near(error, expected, "error", within=0.2, hint="the mean of |guess - oracle|")


def morph_beyond(beyond, pictures_beyond, *, NEAR, DISTANT):
    """A path of the weights that goes on at both ends."""
    path = np.asarray(beyond)
    require(path.ndim == 2 and path.shape[1] == 2, "beyond has to hold points (t1, t2)")
    require(np.ptp(path[:, 0]) == 0, "the latents stay: t1 has to be the same everywhere")
    require(path[:, 1].min() < 0 and path[:, 1].max() > 1, "t2 has to go below 0 and above 1")
    for name in (NEAR, DISTANT):
        require(name in pictures_beyond, f"pictures_beyond has no entry for {name}")
        message = "pictures_beyond needs a picture for each point"
        require(len(pictures_beyond[name]) == len(path), message)


def morph_even(even, unevenness, *, paths, endings, PARENT, DISTANT, NETWORK):
    """A path whose perceptual steps are more equal."""
    path, given = np.asarray(even), np.asarray(paths["diagonal"])
    is_alike = path.shape == given.shape and np.allclose(path[[0, -1]], given[[0, -1]])
    require(is_alike, "even needs as many points as the diagonal, and the same ends")
    require(len(unevenness) >= 2, "unevenness needs the number before and the one after")
    strip = morphing.morph(endings[PARENT], endings[DISTANT], path)[:, :1]
    steps = morphing.perceptual_steps(strip, network=NETWORK)[:, 0]
    measured, before = float(morphing.unevenness(steps)), number(unevenness[0], "unevenness[0]")
    require(measured < 0.9 * before, f"largest / mean is still {measured:.2f}: even_out it again")


def morph_three(centre_images, *, endings, names):
    """Equal parts of three networks and of their latents."""
    models = [endings[name].generator for name in names]
    states = [model.state_dict() for model in models]
    mixed = type(models[0])(models[0].config).eval()
    mixed.load_state_dict({key: sum(s[key] for s in states) / len(states) for key in states[0]})
    w_plus = sum(endings[name].w_plus for name in names) / len(names)
    with torch.inference_mode():
        expected = mixed.synthesis(w_plus)
    require(centre_images.shape == expected.shape, "centre_images needs one picture a person")
    difference = float((centre_images - expected).clamp(-1, 1).abs().mean())
    message = (
        "each network and each latent has to count one third: go a third from an edge's middle"
    )
    require(difference < 0.03, message)


def half_swap(blends, *, parent, children, DISTANT, resolutions, R_SWAP):
    """Low resolutions of the child; the others of the parent, half and half, of the child."""
    numbers_of_models = [0.0, 0.5, 1.0]
    missing = [amount for amount in numbers_of_models if amount not in blends]
    require(not missing, f"blends has no entry for {missing}")
    child = children[DISTANT]
    for amount in numbers_of_models:
        for resolution in resolutions:
            expected = 1.0 if resolution <= R_SWAP else amount
            whole = weight_change(parent, child, "conv", resolution=resolution).relative
            moved = weight_change(parent, blends[amount], "conv", resolution=resolution).relative
            message = f"blends[{amount}] at {resolution} px has to be {expected:g} of {DISTANT}"
            require(abs(moved / whole - expected) < 0.02, message)


def alien(distance_to_child, *, parent, children, DISTANT, R_SWAP, few, PSI, NETWORK):
    """A hybrid, and the same with all affine layers or all convolutions of the child."""
    found = numbers(distance_to_child, "distance_to_child", ("hybrid", "affine", "conv"))
    models = {"hybrid": sa.swap_layers(parent, children[DISTANT], r_swap=R_SWAP)}
    for part in ("affine", "conv"):
        models[part] = sa.reset_component(models["hybrid"], children[DISTANT], part)
    changes = image_changes(children[DISTANT], models, few, truncation_psi=PSI, network=NETWORK)
    for name, change in changes.items():
        hint = "the child's component everywhere, and the distance to the child"
        expected = number(change, name)
        near(found[name], expected, f"distance_to_child[{name!r}]", within=0.02, hint=hint)


def eyes_mouth(for_mouth, ratio_of_mouth, ratio_of_eyes, *, chosen, names, shares, NUM_CHANNELS):
    """Channels of the mouth that are not those of the eyes."""
    require(len(set(for_mouth)) == NUM_CHANNELS, f"for_mouth needs {NUM_CHANNELS} channels")
    require(not set(for_mouth) & set(chosen), "for_mouth holds channels that were for the eyes")
    of_mouth = dict(zip(names, shares["mouth"], strict=True))
    worst = min(of_mouth[name] for name in for_mouth)
    rest = set(names) - set(for_mouth) - set(chosen)
    message = "for_mouth has to hold the channels with the largest shares of the mouth"
    require(worst >= max(of_mouth[name] for name in rest) - 1e-6, message)
    mouth, eyes = number(ratio_of_mouth, "ratio_of_mouth"), number(ratio_of_eyes, "ratio_of_eyes")
    require(mouth > eyes, "the channels of the mouth should change the mouth more: mouth to rest")
    require(eyes > 1, "ratio_of_eyes is that of the mouth to the rest, in what the eyes' change")


def into_the_corner(corner, right, *, plain, change, models, parent, by):
    """A toon with two changes added, and how far its eyes moved to the right."""
    down = models["human_down"].generator
    expected = add_changes(plain["toon"], (*change, (down, 1.0), (parent, -1.0)))
    _require_same_weights(corner, expected, "corner has to be the toon plus both changes, once")
    alone = number(by["toon"][0], "the toon's eyes")
    hint = "the column of the eyes in its pictures minus that in the toon's, of the same seeds"
    near(right, 0.9 * alone, "right", within=0.25 * alone, hint=hint)


def which_part_moves(moved_by, *, plain, change, models, pictures, columns_of, SEEDS, PSI):
    """Pixels by which each component of the change moves the toon's eyes."""
    found = numbers(moved_by, "moved_by", COMPONENTS)
    reader = models["toon"].readers
    start = columns_of(pictures["toon", "own"], reader)[0]
    for part in ("conv", "torgb"):
        model = add_changes(
            plain["toon"],
            change,
            share_of=lambda name, part=part: float(component_of(name) == part),
        )
        images = sa.images_from_seeds(model, SEEDS, truncation_psi=PSI).clamp(-1, 1)
        expected = number(columns_of(images, reader)[0] - start, part)
        hint = "the share is 1 for the weights of this component, 0 for all others"
        near(found[part], expected, f"moved_by[{part!r}]", within=1.5, hint=hint)


def as_dog_to_cat(analogies, *, plain, parent):
    """The dog and the cat made toons, and the toon moved as the dog was to be a cat."""
    toon, dog, cat = (plain[name] for name in ("toon", "dog", "cat"))
    to_toon = (toon, 1.0), (parent, -1.0)
    wanted = {
        "dog": add_changes(dog, to_toon),
        "cat": add_changes(cat, to_toon),
        "toon": add_changes(toon, [(cat, 1.0), (dog, -1.0)]),
    }
    for name, expected in wanted.items():
        require(name in analogies, f"analogies has no entry for {name!r}")
        message = f"analogies[{name!r}] has other weights: end minus beginning, added to the {name}"
        _require_same_weights(analogies[name], expected, message)


def _require_same_weights(model, expected, message):
    found = model.state_dict()
    for name, weight in expected.state_dict().items():
        is_same = name in found and torch.allclose(found[name], weight, rtol=1e-3, atol=1e-5)
        require(is_same, message)
