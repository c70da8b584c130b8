"""Write the data of the live models' app."""

from pathlib import Path
from typing import Annotated

from tyro.conf import DisallowNone, Positional, arg

from sa_helpers.family import open_family
from sa_helpers.live import write_app_data


def live(
    folder: Positional[Path],
    *,
    family: Annotated[
        str | None, DisallowNone, arg(help_behavior_hint="(default: SA_FAMILY, or clay)")
    ] = None,
) -> None:
    """Write what pages need to run a family in a browser.

    These are graphs, weights and a list of them. For example:
      sa-helpers live book/_build/extra/live

    Args:
        folder: Where to write.
        family: A known family, see `sa-helpers list`, or a folder.
    """
    print(write_app_data(open_family(family), folder))
