"""Command line: `python -m sa_helpers.family list|download|survey|scale`."""

import argparse
import sys
from collections.abc import Sequence

from sa_helpers.command_line import refuse
from sa_helpers.family.downloads import DownloadError
from sa_helpers.family.families import Family
from sa_helpers.family.opening import known_families, open_family
from sa_helpers.family.surveying import scale_family, survey_family
from sa_helpers.runtime import shown


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sa_helpers.family",
        description="List families of aligned models, download public ones, survey channels, "
        "measure directions.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    what = commands.add_parser("list", help="show the families, or the models of one")
    what.add_argument("family", nargs="?", help=f"one of {known_families()}, or a folder")
    how = commands.add_parser("download", help="download models, or go on with it")
    how.add_argument("family", help=f"one of {known_families()}, or a folder")
    how.add_argument("names", nargs="*", help="models (default: all that can be downloaded)")
    which = commands.add_parser("survey", help="find what each channel does (minutes a model)")
    which.add_argument("family", help=f"one of {known_families()}, or a folder")
    which.add_argument("names", nargs="*", help="models (default: all)")
    which.add_argument("--num-images", type=int, default=24, help="default %(default)s")
    whose = commands.add_parser("scale", help="measure the parent's directions in units (minutes)")
    whose.add_argument("family", help=f"one of {known_families()}, or a folder")
    return parser.parse_args(arguments)


def describe_models(models: Family) -> str:
    """One line a model: name, parent, whether it is here, licence."""
    rows = []
    for name, member in models.members.items():
        source = member.source
        is_here = source is None or member.path.is_file()
        where = "here" if is_here else "to download" if source and source.url else "by hand"
        licence = shown(member.record.get("licence", ""))
        parent = shown(member.parent or "-")
        rows.append(f"{shown(name):<18} {parent:<14} {where:<12} {licence}")
    return "\n".join([f"{'model':<18} {'parent':<14} {'file':<12} licence", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; the result is the exit status."""
    options = parse_arguments(arguments)
    try:
        if options.family is None:
            print(*known_families(), sep="\n")
        elif options.command == "list":
            print(describe_models(open_family(options.family)))
        elif options.command == "download":
            print(*open_family(options.family).download(*options.names), sep="\n")
        elif options.command == "scale":
            print(scale_family(open_family(options.family)))
        else:
            models = open_family(options.family)
            for name in options.names or models.names:
                print(*survey_family(models, [name], range(options.num_images)), flush=True)
    except (DownloadError, ValueError, OSError) as error:
        return refuse(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
