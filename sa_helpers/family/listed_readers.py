"""Readers that a `family.toml` names: which networks of others read its photographs, and what.

[readers.faces]                    # any name
models = ["ffhq", "toonify"]       # whose images they read; if left out, all models that no other
                                   # readers name

[readers.faces.text]               # attributes, by CLIP
model = "timm/vit_base_patch32_clip_224.openai"
[readers.faces.text.prompts]       # what shows an attribute, and what its opposite
smile = ["a photo of a smiling face", "a photo of a face"]

[readers.faces.landmarks]          # yaw_deg, by ViTPose
model = "usyd-community/vitpose-base-simple"
nose_depth = 0.43                  # may be left out; see help(sa_helpers.recognition.landmarks)
points = [0, 1, 2]                 # nose, left and right eye; may be left out

[readers.faces.regions]            # by a network for semantic segmentation, such as a face parser
model = "jonathandinu/face-parsing"
[readers.faces.regions.groups]     # regions that are made up of several labels; may be left out
ear = ["l_ear", "r_ear"]

Each of the three may be left out. A `model` is a folder beside the `family.toml`, or a model on the
Hugging Face Hub that was downloaded before; nothing is downloaded unasked.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sa_helpers.family.records import is_mere_name
from sa_helpers.runtime import shown

_MODEL = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_HELP = "Expected what is described by help(sa_helpers.family.listed_readers)."
_MAX_WORDS = 500  # letters of a sentence


@dataclass(frozen=True, kw_only=True)
class TextEntry:
    """CLIP and what it is asked.

    Attributes:
        model: Folder or name on the Hub.
        prompts: Attribute, what shows it, and what its opposite.
    """

    model: str
    prompts: tuple[tuple[str, tuple[str, str]], ...]


@dataclass(frozen=True, kw_only=True)
class LandmarksEntry:
    """A ViTPose and where it finds the nose and the eyes; None takes the default.

    Attributes:
        model: Folder or name on the Hub.
        nose_depth: See `recognition.landmarks`.
        points: See `recognition.landmarks`.
    """

    model: str
    nose_depth: float | None = None
    points: tuple[int, int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class RegionsEntry:
    """A network that labels regions.

    Attributes:
        model: Folder or name on the Hub.
        groups: Region and the labels that make it up.
    """

    model: str
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ReadersEntry:
    """The readers of some models.

    Attributes:
        models: Whose images they read; None means all that no other readers name.
        text: Reads attributes.
        landmarks: Reads the yaw.
        regions: Labels regions.
    """

    models: tuple[str, ...] | None = None
    text: TextEntry | None = None
    landmarks: LandmarksEntry | None = None
    regions: RegionsEntry | None = None


def parse_readers(content: object, *, place: str) -> dict[str, ReadersEntry]:
    """Check and take in the table `readers` of a `family.toml`.

    Args:
        content: The table, as TOML gives it.
        place: Of the file, for messages.

    Raises:
        ValueError: It says something that is not understood, or names a model twice.
    """
    if not isinstance(content, dict) or not all(map(is_mere_name, content)):
        raise ValueError(f"{place} has wrong readers: {shown(content)}. {_HELP}")
    entries = {name: _entry(name, table, place) for name, table in content.items()}
    claimed = [model for entry in entries.values() for model in entry.models or ("any other",)]
    twice = sorted({model for model in claimed if claimed.count(model) > 1})
    if twice:
        raise ValueError(f"{place} has several readers for {shown(str(twice))}; expected one each.")
    return entries


def readers_for(model: str, entries: Mapping[str, ReadersEntry]) -> ReadersEntry | None:
    """The readers that are listed for a model; None where there are none."""
    named = [entry for entry in entries.values() if model in (entry.models or ())]
    rest = [entry for entry in entries.values() if entry.models is None]
    return next(iter([*named, *rest]), None)


def _entry(name: str, table: object, place: str) -> ReadersEntry:
    where = f'the readers "{shown(name)}" in {place}'
    known = {"models", "text", "landmarks", "regions"}
    if not isinstance(table, dict) or not set(table) <= known or not set(table) - {"models"}:
        raise ValueError(f"There are wrong or missing entries in {where}: {shown(table)}. {_HELP}")
    models = table.get("models")
    if models is not None and not (_is_list(models, str) and all(map(is_mere_name, models))):
        raise ValueError(f"There are wrong models in {where}: {shown(models)}. {_HELP}")
    parts = {"text": _text, "landmarks": _landmarks, "regions": _regions}
    try:
        found: dict[str, Any] = {key: parts[key](table[key]) for key in parts if key in table}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"There is something wrong in {where}: {shown(error)}. {_HELP}") from error
    return ReadersEntry(models=None if models is None else tuple(models), **found)


def _text(table: Mapping[str, Any]) -> TextEntry:
    prompts = _part(table, "model", "prompts")["prompts"]
    if not prompts or not all(
        is_mere_name(name)
        and _is_list(pair, str)
        and len(pair) == 2
        and max(map(len, pair)) <= _MAX_WORDS
        for name, pair in prompts.items()
    ):
        raise ValueError(f"prompts = {shown(prompts)}")
    pairs = tuple((name, (strong, weak)) for name, (strong, weak) in prompts.items())
    return TextEntry(model=_model(table), prompts=pairs)


def _landmarks(table: Mapping[str, Any]) -> LandmarksEntry:
    _part(table, "model", "nose_depth", "points")
    depth, points = table.get("nose_depth"), table.get("points")
    if depth is not None and not (type(depth) in (int, float) and 0 < depth < 100):
        raise ValueError(f"nose_depth = {shown(depth)}")
    if points is not None and not (_is_list(points, int) and len(points) == 3):
        raise ValueError(f"points = {shown(points)}")
    return LandmarksEntry(
        model=_model(table), nose_depth=depth, points=None if points is None else tuple(points)
    )


def _regions(table: Mapping[str, Any]) -> RegionsEntry:
    groups = _part(table, "model", "groups").get("groups", {})
    if not all(is_mere_name(name) and _is_list(labels, str) for name, labels in groups.items()):
        raise ValueError(f"groups = {shown(groups)}")
    return RegionsEntry(
        model=_model(table), groups=tuple((name, tuple(of)) for name, of in groups.items())
    )


def _part(table: Mapping[str, Any], *known: str) -> Mapping[str, Any]:
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ValueError(f"unknown entries {shown(str(unknown))}")
    return table


def _model(table: Mapping[str, Any]) -> str:
    model = table.get("model")
    if not isinstance(model, str) or not _MODEL.fullmatch(model) or ".." in model:
        raise ValueError(f"model = {shown(model)}")
    return model


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(type(v) is kind for v in value)
