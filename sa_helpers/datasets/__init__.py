"""Training images: a clay domain rendered once, any folder of images, or a zip archive of them.

The first two end as one uint8 array on disk that is mapped into memory, so a data set larger than
the memory works and a second run starts at once; images of an archive are decoded step by step.
"""

from sa_helpers.datasets.archives import zipped_images
from sa_helpers.datasets.clay_renders import clay_images
from sa_helpers.datasets.folders import folder_images
from sa_helpers.datasets.training_images import TrainingImages

__all__ = ["TrainingImages", "clay_images", "folder_images", "zipped_images"]
