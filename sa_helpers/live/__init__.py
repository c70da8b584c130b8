"""Models for pages: graphs and weights that a reader's browser runs.

`graph` exports the synthesis network, `manifest` writes it beside the weights with a list of what
there is. Needs the packages of the extra `live`.
"""

from sa_helpers.live.graph import export_graph, require_no_noise, run_graph, weights_of_graph
from sa_helpers.live.manifest import architecture_key, graph_path, write_app_data

__all__ = [
    "architecture_key",
    "export_graph",
    "graph_path",
    "require_no_noise",
    "run_graph",
    "weights_of_graph",
    "write_app_data",
]
