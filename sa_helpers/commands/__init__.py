"""The command `sa-helpers`, also as `python -m sa_helpers`: its verbs, by the room they call."""

from collections.abc import Sequence

from sa_helpers.commands.running import Verb, run_verb

DESCRIPTION = "Use aligned StyleGAN2 models. `sa-helpers VERB --help` tells more of a verb."

_SHARED = ("finetune", "invert", "survey")
VERBS = {
    name: Verb(f"sa_helpers.commands.{function}", summary, is_shared=name in _SHARED)
    for name, function, summary in (
        ("describe", "checkpoints:describe", "Tell what a checkpoint holds."),
        ("convert", "checkpoints:convert", "Write a checkpoint in another format."),
        ("list", "families:list_models", "Show the known families, or the models of one."),
        ("download", "families:download", "Get public models of a family, or go on with it."),
        ("sheet", "drawing:sheet", "Draw samples of one model, or of several side by side."),
        ("video", "drawing:video", "Film a walk from latent to latent."),
        ("project", "drawing:project", "Find latents with which a model draws given pictures."),
        ("mix", "drawing:mix", "Mix the coarse layers of some pictures with the fine of others."),
        ("swap", "combining:swap", "Join low resolutions of one model and high ones of another."),
        ("blend", "combining:blend", "Write a model between two models, weight by weight."),
        ("measure", "measuring:measure", "Tell how far apart models and folders of images are."),
        ("align-faces", "faces:align_faces", "Cut faces out of photographs as those of FFHQ were."),
        ("finetune", "finetuning:finetune", "Train a network, or fine-tune a child from a parent."),
        ("invert", "inversion:invert", "Search the latents of held-out images, and keep them."),
        ("train-encoder", "inversion:train_encoder", "Train an encoder of images into latents."),
        ("survey", "families:survey", "Find what each channel of a family's models does."),
        ("scale", "families:scale", "Measure the directions of a family's parent in units."),
        ("live", "live:live", "Write what pages need to run a family in a browser."),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the result is the exit status, see `run_verb`."""
    return run_verb("sa-helpers", DESCRIPTION, VERBS, arguments)
