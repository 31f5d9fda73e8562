"""What belongs to the snapshots of a market."""

from __future__ import annotations

from finq_predictor.adapters.layout import Located


class SnapshotMember:
    """A dataset of the catalog of which versions are kept.

    Attributes:
        where: Market and name under which a snapshot knows it, and its layer.
    """

    where: Located
