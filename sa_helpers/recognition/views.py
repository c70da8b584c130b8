"""Pictures of shifted and upside-down people, put right, so that the readers of people read them.

The domains `human_right`, `human_down` and `human_flipped` show people as `human` does, through
another view. Undoing the view costs nothing, and a factor means the same before and after.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from sa_helpers.clay.human.variants import SHIFT

VIEWS = {"human_right": "human", "human_down": "human", "human_flipped": "human"}
"""Domain that is a view to the domain that it is a view of."""


def undo_view(
    images: Float[Tensor, "batch channels side side"], *, domain: str
) -> Float[Tensor, "batch channels side side"]:
    """Undo the view of a domain, so that images look like those of the domain that it shows.

    What a shift has pushed out of the picture is lost: the border is repeated there.

    Args:
        images: Or maps, masks and the like; the result is differentiable by them.
        domain: Of the clay world.

    Raises:
        ValueError: The domain is no view of another one.

    Source: Wu et al. 2022 (StyleAlign), Appendix A.3, undone.
    """
    num_px = round(SHIFT * images.shape[-1])
    if domain == "human_right":
        return F.pad(images[..., num_px:], (0, num_px, 0, 0), mode="replicate")
    if domain == "human_down":
        return F.pad(images[..., num_px:, :], (0, 0, 0, num_px), mode="replicate")
    if domain == "human_flipped":
        return images.flip(2)
    raise ValueError(f'"{domain}" is no view of another domain; expected one of {list(VIEWS)}.')
