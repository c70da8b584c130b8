"""Families of aligned models: which there are, who descends from whom, and how to get them.

    models = open_family("clay")
    models["toon"].generator  # opened now, and kept
    models["toon"].encoder, models["toon"].readers, models["toon"].survey

A family is a folder. Models of our own format lie in it, one `<name>.safetensors` a model, and the
snapshots of their training in `snapshots/<name>/<kimg>kimg.safetensors`, or in another folder there
that the record names as `snapshots`; who is whose parent stands in the records. A `family.toml`
(see `listing`) may name further models, of
any published format, in the folder or on the network. Nothing is downloaded unless
`Family.download` or `sa-helpers download` asks for it.
"""

from sa_helpers.family.downloads import DownloadError, download
from sa_helpers.family.families import Family
from sa_helpers.family.members import Member
from sa_helpers.family.opening import is_shipped, open_family, shipped_families

__all__ = [
    "DownloadError",
    "Family",
    "Member",
    "download",
    "is_shipped",
    "open_family",
    "shipped_families",
]
