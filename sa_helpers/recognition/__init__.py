"""Networks that read pictures: factors of the clay world from pixels, and masks of regions.

They take the place of the published classifiers and face parsers, which need downloads. An
`AttributeNetwork` is trained on one domain's own labels. On the parent's domain it is the
supervision that zero-shot methods start from; on a child's domain it is an *oracle*, which scores
and is never given to a method.

Photographs are read by published networks, where the packages of the extra `photo` are installed:
`TextReader` by sentences, `LandmarkReader` by the places of nose and eyes, `PublishedSegmenter` by
a face parser. They are `AttributeReader` and `RegionReader` as those of the clay world are.
"""

from sa_helpers.recognition.attribute_network import IMG_RESOLUTION, AttributeNetwork
from sa_helpers.recognition.coding import FactorCoding
from sa_helpers.recognition.interfaces import (
    AttributeReader,
    JoinedReader,
    NumberReader,
    RegionReader,
)
from sa_helpers.recognition.landmarks import LandmarkReader
from sa_helpers.recognition.parsing import PublishedSegmenter
from sa_helpers.recognition.published import ReaderUnavailableError
from sa_helpers.recognition.readers import READERS
from sa_helpers.recognition.scores import factor_scores, region_ious
from sa_helpers.recognition.segmenter import Segmenter
from sa_helpers.recognition.text import TextReader
from sa_helpers.recognition.training import ReaderSettings, train_attributes, train_segmenter
from sa_helpers.recognition.views import VIEWS, undo_view

__all__ = [
    "IMG_RESOLUTION",
    "READERS",
    "VIEWS",
    "AttributeNetwork",
    "AttributeReader",
    "FactorCoding",
    "JoinedReader",
    "LandmarkReader",
    "NumberReader",
    "PublishedSegmenter",
    "ReaderSettings",
    "ReaderUnavailableError",
    "RegionReader",
    "Segmenter",
    "TextReader",
    "factor_scores",
    "region_ious",
    "train_attributes",
    "train_segmenter",
    "undo_view",
]
