"""Where a run was when it failed: the node, and the dataset it was loading or saving."""

from __future__ import annotations

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node


class ErrorPlaceHooks:
    """Adds to an error that ends a run a note with the place; it is shown below the message, with or without traceback.

    Nodes that run side by side are all named when a dataset fails, because Kedro does not say whose it was.
    """

    def __init__(self) -> None:
        self._places: dict[str, str] = {}

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Forget the run before."""
        self._places = {}

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """A node loads one of its inputs."""
        self._places[node.name] = f"node {node.name}, loading {dataset_name}"

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """A node works."""
        self._places[node.name] = f"node {node.name}"

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, node: Node) -> None:
        """A node saves one of its outputs."""
        self._places[node.name] = f"node {node.name}, saving {dataset_name}"

    @hook_impl
    def after_dataset_saved(self, node: Node) -> None:
        """What was saved cannot fail any more."""
        self._places.pop(node.name, None)

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """The function of this node failed, and no other place matters."""
        self._places = {node.name: f"node {node.name}"}

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """Note the place."""
        if self._places:
            error.add_note(f"Where: {'; '.join(self._places.values())}")
