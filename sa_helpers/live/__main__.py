"""Command line: `python -m sa_helpers.live FOLDER [--family FAMILY]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sa_helpers.family import open_family
from sa_helpers.live.manifest import write_app_data


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what pages need to run the models of a family; the result is the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.live",
        description="Write graphs, weights and a list of them, for pages that run the models.",
    )
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--family", help="a known family or a folder (default: SA_FAMILY, or clay)")
    options = parser.parse_args(arguments)
    try:
        print(write_app_data(open_family(options.family), options.folder))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
