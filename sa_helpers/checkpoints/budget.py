"""What a file may cost: all that is made of its structure is paid from one budget.

Numbers are not part of it. They stay in the file until a network is built, and how many there may
be is compared with the size of the file then.
"""

from dataclasses import dataclass
from pathlib import Path

from sa_helpers.checkpoints.errors import CheckpointError

MAX_NODES = 250_000  # the largest published checkpoints need about two fifths of that
MAX_DEPTH = 6  # of networks within networks
_MAX_TEXT_BYTES = 1 << 24


@dataclass
class Budget:
    """How many objects may still be made of a file, or visited in it, and how much text.

    Attributes:
        path: Of the file, for messages.
        num_nodes: Objects that are left: steps of a pickle, values of JSON, parts of a network.
        num_text_bytes: Bytes of text that are left, without what stays in the file.
    """

    path: Path
    num_nodes: int = MAX_NODES
    num_text_bytes: int = _MAX_TEXT_BYTES

    def spend(self, num_nodes: int = 1) -> None:
        """Pay for objects.

        Raises:
            CheckpointError: There is too little left.
        """
        self.num_nodes -= num_nodes
        if self.num_nodes < 0:
            raise CheckpointError(
                f"{self.path} is made of more than {MAX_NODES} objects, more than any StyleGAN2 "
                "checkpoint. It is something else, or made to do harm."
            )

    def spend_text(self, num_bytes: int) -> None:
        """Pay for text.

        Raises:
            CheckpointError: There is too little left.
        """
        self.num_text_bytes -= num_bytes
        if self.num_text_bytes < 0:
            raise CheckpointError(
                f"{self.path} holds more than {_MAX_TEXT_BYTES >> 20} MB of names and settings, "
                "more than any StyleGAN2 checkpoint. It is something else, or made to do harm."
            )
