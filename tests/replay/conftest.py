"""The history of the small project, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.replay.project import load_replay, open_catalog
from finq_predictor.replay.walk import Replay


@pytest.fixture(scope="session")
def catalog(project_path: Path, small_project: Path):
    return open_catalog(project_path, small_project, "test")


@pytest.fixture(scope="session", params=["fx", "equity"])
def lived(request, catalog, small_project) -> Replay:
    return load_replay(catalog, small_project, MARKETS[request.param])


@pytest.fixture(scope="session")
def lived_fx(catalog, small_project) -> Replay:
    return load_replay(catalog, small_project, MARKETS["fx"])
