"""Image synthesis as a compiled graph, for whoever needs many images of one model."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers.networks.generator import Generator
from sa_helpers.networks.synthesis import SynthesisLayer
from sa_helpers.runtime import compiled


class CompiledSynthesis:
    """From latents to images, with the constant noise of the model, by one compiled graph.

    It computes what `generator.synthesis` does, up to rounding. All batches are filled up to one
    size, so that nothing is compiled twice.

    Args:
        generator: Whose weights are read at each call; it stays on its device.
        batch_size: Images at once.
        dtype: Of the features inside; the images are float32.
        backend: Of torch.compile.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        batch_size: int,
        dtype: torch.dtype = torch.float32,
        backend: str = "inductor",
    ) -> None:
        """Prepare; the first call compiles."""
        synthesis = generator.synthesis
        self.generator, self.batch_size = generator, batch_size
        layers = [synthesis.get_submodule(layer.name) for layer in synthesis.style_space.layers]
        noise = [m.noise_const[None, None] for m in layers if isinstance(m, SynthesisLayer)]

        def render(*styles: Tensor) -> Tensor:
            return synthesis.render(styles, noise, dtype=dtype)

        self._render = compiled(render, device=generator.w_avg.device, backend=backend)

    @torch.inference_mode()
    def __call__(
        self, w_plus: Float[Tensor, "images num_ws w_dim"]
    ) -> Float[Tensor, "images 3 height width"]:
        """Generate images, on the generator's device."""
        batches = w_plus.to(self.generator.w_avg.device).split(self.batch_size)
        return torch.cat([self._images(batch) for batch in batches])

    def _images(self, w_plus: Tensor) -> Tensor:
        filled = F.pad(w_plus, (0, 0, 0, 0, 0, self.batch_size - len(w_plus)))
        styles = self.generator.synthesis.w_plus_to_s(filled)
        return self._render(*styles)[: len(w_plus)]
