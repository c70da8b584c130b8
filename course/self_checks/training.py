"""Checks of the chapters about training and about other people's models."""

from pathlib import Path

import torch

import sa_helpers as sa
from sa_helpers.finetuning import TrainingSettings, few_images
from sa_helpers.images import from_uint8

from .answers import near, number, numbers, require


def ada_speed(p_default, p_ours):
    """The probability at the end, if it only goes up."""
    settings = few_images.VARIANTS["few_ada"].settings
    default = TrainingSettings(total_kimg=settings.total_kimg)
    for value, name, of in ((p_default, "p_default", default), (p_ours, "p_ours", settings)):
        hint = "p grows by 1 in ada_kimg, and the training is total_kimg long"
        near(value, min(1.0, of.total_kimg / of.ada_kimg), name, within=0.02, hint=hint)


def own_folder(mine, found):
    """A folder of pictures as the trainer reads it."""
    files = [path for path in Path(mine).rglob("*") if path.is_file()]
    require(files, "mine is an empty folder")
    require(len(found) > 0, "no picture was found in mine")
    require(len(found) + len(found.left_out) <= len(files), "found is of another folder than mine")
    names = {path.name for path in files}
    message = "found is of another folder than mine: it names files that are not there"
    require({Path(name).name for name in found.left_out} <= names, message)


def siblings(same_z, another_z):
    """Perceptual distances between two children that never met."""
    one, other = (from_uint8(few_images.read_samples(n)[-1]) for n in ("few", "few_again"))
    network = few_images.PERCEPTUAL_NETWORK
    expected = [
        number(sa.perceptual_distance(one, other.roll(shift, dims=0), network=network), "distance")
        for shift in range(2)
    ]
    hint = "the last samples of few and few_again, picture by picture"
    near(same_z, expected[0], "same_z", within=0.01, hint=hint)
    hint = "the same pictures, in another order"
    near(another_z, expected[1], "another_z", within=0.05, hint=hint)


def missing_mean(note, equal_at):
    """What a file without a mean latent leaves open."""
    require("mean latent" in str(note), "note: what describe(...).notes says of the second file")
    found = numbers(equal_at, "equal_at", (1.0, 0.5))
    require(found[1.0] == 1, "without truncation the mean latent plays no part: compare psi = 1")
    require(found[0.5] == 0, "with truncation pictures move towards the mean: compare psi = 0.5")


def too_far(falls_below_at, *, parent, others):
    """The share of the stranger at which the correlation is 0.2."""
    share = number(falls_below_at, "falls_below_at")
    names = [
        n
        for n in parent.state_dict()
        if ".conv" in n and n.endswith((".weight", ".const")) and ".affine." not in n
    ]
    a, b = (
        torch.cat([model.state_dict()[name].flatten() for name in names])
        for model in (parent, others["stranger"])
    )
    correlation = float(torch.corrcoef(torch.stack([a, a + share * b]))[0, 1])
    message = f"at {share:.1f} the correlation is {correlation:.2f}; at which share is it 0.2?"
    require(abs(correlation - 0.2) < 0.02, message)


def flipped_bit(noticed):
    """Which formats notice that a bit has changed."""
    found = numbers(noticed, "noticed", ("ours", "zipped torch", "pickle"))
    require(found["ours"] == 1, "our format keeps a hash: sa.load_model should have refused it")
    require(found["zipped torch"] == 1, "a zip file has checksums: flip a bit of a tensor")
    require(found["pickle"] == 0, "a bare pickle has no checksum: flip a bit amid its weights")
