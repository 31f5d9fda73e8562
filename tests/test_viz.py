"""The lineage is built offline, with the layers in the order in which data flow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LAYERS = ["source", "bronze", "silver", "gold", "models", "predictions", "reports"]
# Python imports this file at start: whatever looks beyond this machine is refused and written down.
NO_NETWORK = """
import ipaddress, os, socket
connect = socket.socket.connect

def local_only(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not ipaddress.ip_address(address[0]).is_loopback:
        refuse(address)
    return connect(self, address)

def refuse(address, *_, **__):
    with open(os.environ["ATTEMPTS"], "a") as file:
        file.write(f"{address}\\n")
    raise OSError(f"no network in this test: {address}")

lookup = socket.getaddrinfo
socket.socket.connect = local_only
socket.getaddrinfo = lambda host, *a, **k: lookup(host, *a, **k) if host in ("localhost", "127.0.0.1") else refuse(host)
"""


@pytest.fixture(scope="module")
def lineage(project_path: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page of the lineage loads, built in a copy of the project, as the command writes where it stands."""
    folder = tmp_path_factory.mktemp("viz")
    for name in ("conf", "src"):
        shutil.copytree(project_path / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project_path / "pyproject.toml", folder)
    guard = tmp_path_factory.mktemp("guard")
    (guard / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    attempts = guard / "attempts.txt"
    environment = {**os.environ, "PYTHONPATH": str(guard), "ATTEMPTS": str(attempts)}
    command = [str(Path(sys.executable).parent / "kedro"), "viz", "build"]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    page = folder / "build" / "index.html"
    # The command reports success by its words only: it ends with 0 when it fails.
    assert page.is_file(), result.stdout[-3000:] + result.stderr[-3000:]
    assert not attempts.exists(), f"looked beyond this machine: {attempts.read_text()}"
    return dict(json.loads((folder / "build" / "api" / "main").read_text(encoding="utf-8")))


def test_layers_are_in_the_order_of_the_data(lineage: dict[str, Any]) -> None:
    assert lineage["layers"] == LAYERS


def test_every_dataset_has_a_layer(lineage: dict[str, Any]) -> None:
    data = [node for node in lineage["nodes"] if node["type"] == "data"]
    assert {node["name"] for node in data if node["layer"] is None} == set()
    assert {node["layer"] for node in data} == set(LAYERS)


def test_both_markets_and_all_stages_can_be_chosen(lineage: dict[str, Any]) -> None:
    chosen = {pipeline["id"] for pipeline in lineage["pipelines"]}
    stages = {"ingestion", "sentiment", "features", "training", "evaluation", "monitoring"}
    jobs = {
        f"{market}_{what}"
        for market in ("equity", "fx")
        for what in ("training", "validation", "predictions", "screening")
    }
    assert chosen == stages | {"equity", "fx", "__default__"} | jobs
