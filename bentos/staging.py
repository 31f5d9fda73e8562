"""Copies into this folder what a bento must hold, because a build takes nothing from outside of its own folder.

The copies are removed when the build ends.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
from pathlib import Path

# What the service imports beside what the models need: neither kedro, mlflow nor Great Expectations.
PACKAGES = (
    "bentoml",
    "exchange-calendars",
    "httptools",
    "jinja2",
    "orjson",
    "prometheus-client",
    "pyarrow",
    "pydantic",
    "pydantic-settings",
    "starlette",
    "uvicorn",
)
STAGED = ("finq_predictor", "data", "requirements.txt")
LEFT_OUT = ("pipelines", "hooks", "settings.py", "pipeline_registry.py", "cli", "__pycache__")


def stage(folder: Path) -> None:
    """Copy the package, its pinned requirements and the promoted models with their silver data.

    Args:
        folder: The build folder, inside the project.
    """
    project = folder.parent
    remove(folder)
    atexit.register(remove, folder)
    source = project / "src" / "finq_predictor"
    shutil.copytree(source, folder / "finq_predictor", ignore=shutil.ignore_patterns("__pycache__"))
    for name in LEFT_OUT:
        found = folder / "finq_predictor" / name
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)
    (folder / "requirements.txt").write_text(pinned(project / "constraints.txt"))
    copy_data(Path(os.environ.get("FINQ_DATA_ROOT") or project / "data"), folder / "data")


def copy_data(root: Path, into: Path) -> list[str]:
    """Copy the promoted models and what they answer from.

    Returns:
        The markets that were copied; without a promoted model nothing of a market is.
    """
    # The package is read from the copy that the build has just made, as in the bento.
    from finq_predictor.adapters.silver import silver_datasets
    from finq_predictor.adapters.snapshots.store import SnapshotStore, markets_with
    from finq_predictor.domain.market.markets import MARKETS

    markets = markets_with(root, "champion")
    for market in markets:
        wanted = {"champion", *silver_datasets(MARKETS[market]).values()}
        SnapshotStore(root, market).newest().copy(into, wanted)
    return markets


def needed() -> tuple[tuple[str, ...], ...]:
    """What the service and any model it may find needs; of alternatives, one."""
    from finq_predictor.adapters.distributions import needed_by
    from finq_predictor.domain.modelling.models import MODELS

    return tuple(sorted({*((name,) for name in PACKAGES), *needed_by(MODELS.values())}))


def pinned(constraints: Path) -> str:
    """What is needed with the versions of the constraints file."""
    versions = dict(
        re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", constraints.read_text(), flags=re.MULTILINE)
    )
    found = {names: next((name for name in names if name in versions), None) for names in needed()}
    if unknown := [" or ".join(names) for names, name in found.items() if name is None]:
        raise SystemExit(f"{constraints} does not pin {', '.join(unknown)}; run `make lock`.")
    return "".join(f"{name}=={versions[name]}\n" for name in found.values())


def remove(folder: Path) -> None:
    """Remove the copies."""
    for name in STAGED:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
