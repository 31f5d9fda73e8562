"""Write an overlay of the configuration that runs on given files."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS, Market

MARK = "# Written by `finq init`"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SOURCE = "finq_predictor.adapters.datasets.source.SourceDataset"
_FILE = "finq_predictor.adapters.sources.own_file.OwnFileSource"
_MEAN = "finq_predictor.adapters.sources.mean_of_bars.MeanOfBarsSource"


@dataclass(frozen=True)
class Overlay:
    """What differs from the base configuration where a market is read from files.

    Attributes:
        name: Name of the environment.
        market: The market that the files are of.
        files: The file of each table that was given.
        reading: Reading rules that differ from the defaults.
        gates: Limits of gates that differ from those of the base.
    """

    name: str
    market: Market
    files: Mapping[str, str]
    reading: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, int] = field(default_factory=dict)


def overlay_name(file: Path) -> str:
    """A name for the overlay of a file: its own, in lower case, without what a name cannot have."""
    stem = re.sub(r"[^a-z0-9]+", "_", file.name.split(".")[0].lower()).strip("_")
    return stem if _NAME.fullmatch(stem) else f"files_{stem}".rstrip("_")


def check_place(conf: Path, name: str, force: bool) -> None:
    """Refuse a name that cannot be one, and a place that holds something that is to stay.

    Args:
        conf: Folder of the configuration.
        name: Name of the overlay.
        force: Whether an overlay that was written by this module may be replaced.

    Raises:
        ConfigurationError: If the overlay cannot be written there.
    """
    if not (conf / "base").is_dir():
        raise ConfigurationError(
            f"{conf} has no folder `base`; expected the configuration of a project. Run in the project's root, or give "
            "--conf."
        )
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"The name {name!r} has other signs than a-z, 0-9 and _; expected one such as 'mine'.")
    place = conf / name
    if not place.exists():
        return
    written = place / "globals.yml"
    ours = written.is_file() and written.read_text(encoding="utf-8").startswith(MARK)
    if not ours:
        raise ConfigurationError(f"{place} was not written by `finq init` and stays as it is. Take another --name.")
    if not force:
        raise ConfigurationError(f"{place} is there already. Take another --name, or give --force to replace it.")


def write_overlay(conf: Path, overlay: Overlay, force: bool = False) -> Path:
    """Write an overlay whole, or not at all.

    Args:
        conf: Folder of the configuration.
        overlay: What it says.
        force: Whether an overlay that was written so before is replaced.

    Returns:
        Its folder.

    Raises:
        ConfigurationError: If it cannot be written there.
    """
    check_place(conf, overlay.name, force)
    place = conf / overlay.name
    with tempfile.TemporaryDirectory(dir=conf, prefix=f".{overlay.name}-") as made:
        new = Path(made) / "new"
        for name, text in _files(overlay).items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_text(text, encoding="utf-8")
        if place.exists():
            place.rename(Path(made) / "old")
        new.rename(place)
    return place


def fewest_instruments(conf: Path, market: Market) -> int:
    """The fewest instruments with which the base configuration lets a run go on."""
    said = yaml.safe_load((conf / "base" / "parameters" / "ingestion.yml").read_text(encoding="utf-8")) or {}
    gates = (said.get(market.name) or {}).get("ingestion", {}).get("gates", {})
    return int(gates.get("min_instruments", 1))


def _files(overlay: Overlay) -> dict[str, str]:
    root = f"{MARK} for the market {overlay.market.name}: runs on these files stay apart from all others.\n"
    sources = (
        f"{MARK}. Every table is named, so that none falls back to the simulator.\n"
        "# Files are delivered whole: a row that was taken out of a file is gone.\n"
    )
    reading = f"{MARK}: what was recognised and differs from the defaults. Every key: docs/reference/parameters.md.\n"
    parts = {name: dict(each) for name, each in (("reading", overlay.reading), ("gates", overlay.gates)) if each}
    return {
        "globals.yml": root + _yaml({"root": f"data/{overlay.name}"}),
        "catalog/sources.yml": sources + _yaml(_sources(overlay)),
        "parameters/ingestion.yml": reading + (_yaml({overlay.market.name: {"ingestion": parts}}) if parts else ""),
    }


def _sources(overlay: Overlay) -> dict[str, Any]:
    return {
        f"{market.name}.source_{table}": {
            "type": _SOURCE,
            "metadata": {"kedro-viz": {"layer": "source"}},
            "source": _source(overlay, market, table),
        }
        for market in MARKETS.values()
        for table in market.source_tables
    }


def _source(overlay: Overlay, market: Market, table: str) -> dict[str, Any]:
    parameter = market.file_parameter(table)
    file = overlay.files.get(table) if market == overlay.market else None
    if file is not None and "${" in file:
        raise ConfigurationError(
            f"The name of the file {file!r} has a `${{` in it, which means something else; rename it."
        )
    if table == "benchmark" and file is None and market == overlay.market:
        return {
            "class": _MEAN,
            "bars": overlay.files["bars"],
            "market": market.name,
            "reading": dict(overlay.reading),
            "filepath": f"${{runtime_params:{parameter},null}}",
            "parameter": parameter,
        }
    return {
        "class": _FILE,
        "table": table,
        "parameter": parameter,
        "required": table in market.required_tables,
        "filepath": f"${{runtime_params:{parameter},null}}" if file is None else file,
    }


def _yaml(content: dict[str, Any]) -> str:
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))
