"""Copies into this folder what a bento must hold, because a build takes nothing from outside of its own folder.

The copies are removed when the build ends.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRA = "serve"
"""The extra of pyproject.toml that lists what the service imports."""
MORE = "FINQ_BENTO_EXTRAS"
"""Names other extras that a bento shall hold, separated by commas, such as `otel`; they have to be installed here."""
ANYWHERE = {"python_full_version": f"{sys.version_info.major}.{sys.version_info.minor}.0"}
"""The first Python of this line: an image may have any of them."""
STAGED = ("finq_predictor", "data", "requirements.txt")
LEFT_OUT = ("pipelines", "hooks", "settings.py", "pipeline_registry.py", "__pycache__")


def stage(folder: Path) -> None:
    """Copy the package, the lock of its packages and the promoted models with their silver data.

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
    (folder / "requirements.txt").write_text(locked(project / "pyproject.toml", project / "constraints.txt"))
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


def locked(project: Path, constraints: Path) -> str:
    """What the service and any model it may find needs, and all that this needs in turn, as the constraints pin it.

    Args:
        project: The file `pyproject.toml`, whose extra lists what the service imports.
        constraints: The versions, of which each package that is needed must have one.

    Returns:
        A line for each package, sorted; no other package has to be installed.

    Raises:
        SystemExit: If a package is pinned nowhere, or what it needs cannot be found out; says what to run.
    """
    pins = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+)", constraints.read_text(), flags=re.MULTILINE)
    versions = {canonicalize_name(name): version for name, version in pins}
    needed = set(_with_theirs(_wanted(project, versions)))
    if unknown := sorted(needed - versions.keys()):
        raise SystemExit(f"{constraints} does not pin {', '.join(unknown)}; run `make lock`.")
    return "".join(f"{name}=={versions[name]}\n" for name in sorted(needed))


def _wanted(project: Path, versions: dict[str, str]) -> Iterator[Requirement]:
    """What the extra lists and what the models need; of alternatives the one that is pinned."""
    from finq_predictor.adapters.distributions import needed_by
    from finq_predictor.domain.modelling.models import MODELS

    extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]
    for extra in (EXTRA, *filter(None, os.environ.get(MORE, "").split(","))):
        yield from map(Requirement, extras[extra.strip()])
    for names in needed_by(MODELS.values()):
        yield Requirement(next((name for name in names if canonicalize_name(name) in versions), names[0]))


def _with_theirs(wanted: Iterable[Requirement]) -> Iterator[str]:
    """The names of packages and of all that they need, as those say that are installed here."""
    waiting = [(one, "") for one in wanted]
    met: set[tuple[str, str]] = set()
    while waiting:
        one, asked = waiting.pop()
        if not _holds(one, asked, ANYWHERE):
            continue
        name = canonicalize_name(one.name)
        yield name
        for extra in {"", *one.extras}:
            if (name, extra) not in met:
                met.add((name, extra))
                waiting += [(need, extra) for need in _needs(name, here=_holds(one, asked))]


def _needs(name: str, *, here: bool) -> list[Requirement]:
    """What a package says that it needs; of one that is not needed here that cannot be known, and `pip check` tells."""
    try:
        return [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        if here:
            raise SystemExit(f"{name} is not installed here, but needed; install it, or all by `make setup`.") from None
        return []


def _holds(one: Requirement, extra: str, place: Mapping[str, str] | None = None) -> bool:
    """Whether something is needed for an extra, here or also at another place."""
    marker = one.marker
    return marker is None or any(marker.evaluate({"extra": extra, **more}) for more in ({}, place or {}))


def remove(folder: Path) -> None:
    """Remove the copies."""
    for name in STAGED:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
