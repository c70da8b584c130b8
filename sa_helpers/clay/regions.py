"""Names of the mask values, the same in every domain."""

REGIONS: tuple[str, ...] = (
    "background",
    "skin",
    "brow",
    "eye",
    "ear",
    "nose",
    "mouth",
    "neck",
    "cloth",
    "hair",
    "glasses",
)
