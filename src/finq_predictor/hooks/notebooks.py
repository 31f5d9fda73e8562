"""The catalog of a notebook is one state of the data, whatever is published while somebody looks at it."""

from __future__ import annotations

import sys
from typing import Any

from kedro.framework.hooks import hook_impl

from finq_predictor.adapters.snapshots.member import SnapshotMember
from finq_predictor.adapters.snapshots.writer import hold
from finq_predictor.domain.market.markets import MARKETS


class NotebookHooks:
    """Holds the newest snapshot of every market when a catalog is made in a notebook.

    Bars that are loaded in one cell and features in the next belong together. `%reload_kedro`, or a run that is
    started in the notebook, moves on to the newest.
    """

    @hook_impl
    def after_catalog_created(self, catalog: Any) -> None:
        """Hold what is the newest now."""
        if not in_notebook():
            return
        for market in MARKETS:
            dataset = catalog.get(f"{market}.gold")
            if isinstance(dataset, SnapshotMember):
                hold(dataset.where.root, market)


def in_notebook() -> bool:
    """Whether somebody types into this process, cell by cell."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
