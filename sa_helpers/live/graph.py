"""The synthesis network as an ONNX graph that has no weights inside: they are inputs.

So one graph serves all models of the same sizes, and blends of models are sums that are made
before a run. Besides the weights the graph takes `w_plus` and `edit`, which is added to the joined
styles; it gives `image`. There is no noise: `require_no_noise` refuses models that use it.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from sa_helpers.networks import Generator, GeneratorConfig, SynthesisNetwork
from sa_helpers.runtime import replacing

WEIGHTS_PREFIX = "synthesis."


class _FromStyles(nn.Module):
    def __init__(self, network: SynthesisNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, w_plus: Tensor, edit: Tensor) -> Tensor:
        styles = self.network.w_plus_to_s(w_plus)
        edited = styles.space.split(styles.cat() + edit)
        return self.network.render(list(edited), [None] * len(edited))


class _WithWeights(nn.Module):
    """Renders with weights that are arguments, in the order of `names`."""

    def __init__(self, network: SynthesisNetwork, names: list[str]) -> None:
        super().__init__()
        self.inner = _FromStyles(network)
        self.names = names

    def forward(self, w_plus: Tensor, edit: Tensor, *weights: Tensor) -> Tensor:
        given = {f"network.{name}": w for name, w in zip(self.names, weights, strict=True)}
        return functional_call(self.inner, given, (w_plus, edit))


def weights_of_graph(generator: Generator) -> dict[str, Float[Tensor, "..."]]:
    """The weights that the graph takes, by the name of its input: all of synthesis but noise."""
    state = generator.state_dict()
    return {n: w for n, w in state.items() if n.startswith(WEIGHTS_PREFIX) and "noise" not in n}


def require_no_noise(generator: Generator, *, name: str) -> None:
    """Check that a model adds no noise, which the graph leaves out.

    Raises:
        ValueError: It does.
    """
    state = generator.state_dict()
    if any(w.any() for n, w in state.items() if n.endswith(".noise_strength")):
        raise ValueError(
            f'The model "{name}" adds noise to its features; the exported graph has none, so its '
            "images would differ. Train it without noise, or leave it out."
        )


def export_graph(config: GeneratorConfig, path: Path) -> Path:
    """Write the graph of all generators with these sizes, for one image at a time.

    It needs the packages of the extra `live`: onnx and onnxscript.

    Args:
        config: Sizes.
        path: Ends in .onnx; written whole or not at all.
    """
    with torch.random.fork_rng(devices=[]):
        generator = Generator(config).eval().requires_grad_(False)
    network, weights = generator.synthesis, weights_of_graph(generator)
    num_styles = len(network.style_space.names)
    latents = {
        "w_plus": torch.zeros(1, network.num_ws, config.w_dim),
        "edit": torch.zeros(1, num_styles),
    }
    names = [name.removeprefix(WEIGHTS_PREFIX) for name in weights]
    program = torch.onnx.export(
        _WithWeights(network, names).eval(),
        (*latents.values(), *weights.values()),
        dynamo=True,
        optimize=True,
        verbose=False,
        input_names=[*latents, *weights],
        output_names=["image"],
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no graph.")
    model = program.model_proto.SerializeToString()
    with replacing(path) as stream:
        stream.write(model)
    return path


def run_graph(
    path: Path,
    w_plus: Float[Tensor, "1 num_ws w_dim"],
    edit: Float[Tensor, "1 styles"],
    weights: Mapping[str, Float[Tensor, "..."]],
) -> Float[Tensor, "1 img_channels height width"]:
    """Run a graph by ONNX Runtime, on the CPU, as a page does.

    Args:
        path: Of the graph.
        w_plus: Latents.
        edit: Added to the joined styles.
        weights: From `weights_of_graph`, or a blend of several.
    """
    import onnxruntime  # an optional package

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    values = {"w_plus": w_plus, "edit": edit, **weights}
    feed = {i.name: values[i.name].float().numpy() for i in session.get_inputs()}
    (image,) = session.run(None, feed)
    return torch.from_numpy(image)
