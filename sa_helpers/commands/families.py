"""List families of models, download public ones, and find out what their models do."""

from typing import Annotated

from tyro.conf import DisallowNone, Positional, arg

from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import if_interrupted, say
from sa_helpers.family import DownloadError, Family, open_family
from sa_helpers.family.opening import known_families
from sa_helpers.family.surveying import scale_family, survey_family
from sa_helpers.runtime import shown

_HELP = "A known family, see `sa-helpers list`, or a folder."
FamilyName = Annotated[Positional[str], arg(help=_HELP)]
Names = Annotated[
    Positional[tuple[str, ...]],
    arg(metavar="[MODEL ...]", help="Names of its models.", help_behavior_hint="(default: all)"),
]


def list_models(
    family: Annotated[
        Positional[str | None],
        DisallowNone,
        arg(help=_HELP, help_behavior_hint="(default: shows the known ones)"),
    ] = None,
) -> None:
    """Show the known families, or the models of one.

    For example:
      sa-helpers list photo
    """
    print("\n".join(known_families()) if family is None else _table(open_family(family)))


def _table(models: Family) -> str:
    """One line a model: name, parent, whether it is here, licence."""
    rows = []
    for name, member in models.members.items():
        source = member.source
        is_here = source is None or member.path.is_file()
        where = "here" if is_here else "to download" if source and source.url else "by hand"
        licence = shown(member.record.get("licence", ""))
        parent = shown(member.parent.name if member.parent else "-")
        rows.append(f"{shown(name):<18} {parent:<14} {where:<12} {licence}")
    return "\n".join([f"{'model':<18} {'parent':<14} {'file':<12} licence", *rows])


def download(family: FamilyName, names: Names = ()) -> None:
    """Get public models of a family, or go on with it.

    What is here already is not downloaded again. For example:
      sa-helpers download photo ffhq toonify
    """
    with if_interrupted("the same command goes on with the download"):
        try:
            print(*open_family(family).download(*names), sep="\n")
        except DownloadError as error:
            raise ValueError(str(error)) from error


def survey(
    family: FamilyName,
    names: Names = (),
    *,
    num_images: Count = 24,
    second: bool = False,
    num_threads: NumThreads = None,
) -> None:
    """Find what each channel of a family's models does.

    That takes minutes a model. The surveys lie beside the models, and those that are up to date are
    left as they are. For example:
      sa-helpers survey clay toon dog

    Args:
        num_images: Images that are looked at.
        second: Look at other images, and keep the result beside the first; how far the two agree
            is the most that two models can.
    """
    use_num_threads(num_threads)
    models = open_family(family)
    with if_interrupted("the same command goes on after the surveys that are finished"):
        for name in names or models.names:
            say(survey_family(models, [name], num_images, is_second=second)[0])


def scale(
    family: FamilyName,
    *,
    num_threads: NumThreads = None,
) -> None:
    """Measure the directions of a family's parent in units.

    That takes minutes. What was found lies beside the models. For example:
      sa-helpers scale clay
    """
    use_num_threads(num_threads)
    print(scale_family(open_family(family)))
