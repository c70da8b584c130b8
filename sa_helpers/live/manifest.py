"""What a page needs to run the models of a family: weights, graphs, and a list of them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from safetensors import safe_open
from safetensors.torch import save

from sa_helpers import networks
from sa_helpers.channels import NO_REGION
from sa_helpers.editing import channel_sigmas
from sa_helpers.family import Family, Member
from sa_helpers.images import encode_jpeg, resize, to_uint8
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.live import graph
from sa_helpers.networks import Generator, GeneratorConfig, StyleSpace
from sa_helpers.runtime import replacing
from sa_helpers.seeds import SIGMAS

SCHEMA = 1
SIGMA_PSI = 0.7
STILL_SEED, STILL_PSI, STILL_SIDE = 6, 0.7, 256
_PART = "generator."
_MIN_EFFECT = 0.1  # standard deviations of a factor, or a logit, by one of the channel
_Z_GROUP = 16  # torch draws normal numbers in such groups; the page knows no others


def write_app_data(models: Family, folder: Path) -> Path:
    """Write all that a page needs of a family; graphs that are there are kept, other models go.

    Args:
        models: A family of our own format, with scales of its parent's directions and a survey of
            its channels.
        folder: Where to.

    Returns:
        The path of the list, `manifest.json`.

    Raises:
        ValueError: A model that pages cannot run.
        CheckpointError: Something that belongs to the parent is missing, damaged or outdated.
    """
    members = [models[name] for name in models.names]
    rows = [_model(member, folder) for member in members]
    architectures = {}
    for member in members:
        config = member.generator.config
        if (key := architecture_key(config)) not in architectures:
            architectures[key] = _architecture(config, graph_path(folder, config))
    manifest = {
        "schema": SCHEMA,
        "family": models.name,
        "parent": models.parent.name,
        "models": rows,
        "architectures": architectures,
        "directions": _directions(models),
        "channels": _channels(models),
    }
    _remove_others(folder, manifest)
    path = folder / "manifest.json"
    with replacing(path) as stream:
        stream.write(json.dumps(manifest, ensure_ascii=False).encode())
    return path


def _remove_others(folder: Path, manifest: dict[str, Any]) -> None:
    """Delete weights and graphs of earlier models, which nobody would ask for."""
    sets = [row for model in manifest["models"] for row in (model, *model["snapshots"])]
    graphs = [sizes["graph"] for sizes in manifest["architectures"].values()]
    wanted = {row["file"] for row in [*sets, *graphs]}
    for kind in ("*.safetensors", "*.onnx"):
        for path in folder.glob(kind):
            if path.name not in wanted:
                path.unlink()


def architecture_key(config: GeneratorConfig) -> str:
    """Name of a graph: its resolution, and a digest of all sizes and of the code that makes it."""
    digest = hashlib.sha256(json.dumps(config.to_dict(), sort_keys=True).encode())
    for source in [*sorted(Path(networks.__file__).parent.glob("*.py")), Path(graph.__file__)]:
        digest.update(source.read_bytes())
    return f"{config.img_resolution}-{digest.hexdigest()[:8]}"


def graph_path(folder: Path, config: GeneratorConfig) -> Path:
    """Where the graph of a generator of these sizes lies, or would lie."""
    return folder / f"synthesis-{architecture_key(config)}.onnx"


def _architecture(config: GeneratorConfig, path: Path) -> dict[str, Any]:
    if config.z_dim % _Z_GROUP:
        raise ValueError(f"z_dim is {config.z_dim}; pages run multiples of {_Z_GROUP} only.")
    if not path.is_file():
        graph.export_graph(config, path)
    layers = [
        {
            "name": layer.name,
            "resolution": layer.resolution,
            "channels": layer.num_channels,
            "latent": layer.w_index,
        }
        for layer in StyleSpace.of(config).layers
    ]
    return {
        "graph": {"file": path.name, "bytes": path.stat().st_size},
        "resolution": config.img_resolution,
        "z_dim": config.z_dim,
        "w_dim": config.w_dim,
        "num_ws": config.num_ws,
        "mapping_layers": config.num_mapping_layers,
        "mapping_lr_multiplier": config.mapping_lr_multiplier,
        "layers": layers,
    }


def _model(member: Member, folder: Path) -> dict[str, Any]:
    name, generator = member.name, member.generator
    graph.require_no_noise(generator, name=name)
    with replacing(folder / "stills" / f"{name}.jpg") as stream:
        stream.write(_still(generator))
    snapshots = [
        {"ref": f"{name}@{kimg:g}", "kimg": kimg, **_copy_weights(path, folder, f"{name}-{kimg:g}")}
        for kimg, path in member.snapshot_paths
    ]
    return {
        "name": name,
        "label": name.replace("_", " "),
        "parent": member.parent and member.parent.name,
        "architecture": architecture_key(generator.config),
        "sha256": member.sha256,
        "kimg": float(member.record.get("kimg") or 0),
        "snapshots": snapshots,
        **_copy_weights(member.path.with_suffix(".safetensors"), folder, name),
    }


@torch.inference_mode()
def _still(generator: Generator) -> bytes:
    """The picture that stands in a page until its model runs."""
    w_plus = w_plus_from_seeds(generator, [STILL_SEED], truncation_psi=STILL_PSI)
    image = generator.synthesis(w_plus, noise="none")
    return encode_jpeg(to_uint8(resize(image, img_resolution=STILL_SIDE))[0], quality=80)


def _copy_weights(source: Path, folder: Path, name: str) -> dict[str, Any]:
    """Copy what synthesises, as it is stored, without discriminators, encoders and noise."""
    with safe_open(source, "pt") as file:
        kept = {
            key.removeprefix(_PART): file.get_tensor(key)
            for key in file.keys()  # noqa: SIM118 (a file is no mapping)
            if key.startswith(_PART) and ".noise_" not in key
        }
    content = save(kept)
    digest = hashlib.sha256(content).hexdigest()
    file_name = f"{name}-{digest[:8]}.safetensors"
    if not (folder / file_name).is_file():
        with replacing(folder / file_name) as stream:
            stream.write(content)
    return {"file": file_name, "bytes": len(content)}


def _directions(models: Family) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "label": name.removesuffix("_deg").replace("_", " "),
            "unit": row.unit,
            "step": row.step,
            "reach": [float(f"{end:.2g}") for end in row.reach],
            "vector": [float(f"{value:.7g}") for value in row.direction.vector.tolist()],
        }
        for name, row in models.scales.directions.items()
    ]


def _channels(models: Family) -> list[dict[str, Any]]:
    """All style channels of the parent, with what its survey says of those that make features."""
    survey, parent = models.parent.survey, models.parent.generator
    regions = dict(zip(survey.found.names, survey.found.localized(), strict=True))
    factors = [_strongest(survey.factors, row) for row in survey.effects]
    strongest = dict(zip(survey.found.names, factors, strict=True))
    sigmas = channel_sigmas(parent, SIGMAS, truncation_psi=SIGMA_PSI).tolist()
    rows = []
    for name, sigma in zip(parent.synthesis.style_space.names, sigmas, strict=True):
        region = regions.get(name, NO_REGION)
        rows.append(
            {
                "name": name,
                "region": None if region == NO_REGION else survey.found.regions[region],
                "factor": strongest.get(name),
                "sigma": float(f"{sigma:.7g}"),
            }
        )
    return rows


def _strongest(factors: tuple[str, ...], effects: Float[ndarray, " factors"]) -> str | None:
    """The factor that a channel changes most, if it is worth a word."""
    best = int(np.abs(effects).argmax()) if len(effects) else -1
    return factors[best] if best >= 0 and abs(effects[best]) >= _MIN_EFFECT else None
