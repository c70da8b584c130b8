"""Things to move by hand: a flip-book for the page, a live slider for the running notebook.

The only room with ipywidgets.
"""

from sa_helpers.widgets.edit_slider import EditSlider, edit_slider
from sa_helpers.widgets.flip_book import FlipBook, flip_book

__all__ = ["EditSlider", "FlipBook", "edit_slider", "flip_book"]
