"""What a study needs, from the catalog and the parameters of the project, and where it leaves what it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from finq_predictor.adapters.atomic_file import write_atomically, write_text_atomically
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.trial_ledger import Kind, LedgerEntry
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.ingestion.provenance import preset_of
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.modelling.protocols import Protocol
from finq_predictor.pipelines.evaluation.trials import rows_of
from finq_predictor.pipelines.training.fitting import model_of
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.replay.project import load_parameters
from finq_predictor.reports.lineage import HASH, preset_in_words
from finq_predictor.reports.study.page import StudyResults, study_page
from finq_predictor.study.pieces import Pieces
from finq_predictor.study.running import Findings, Material, configurations, run_study, tested_times

if TYPE_CHECKING:
    from kedro.io import DataCatalog

    from finq_predictor.domain.evaluation.data_sketch import DataSketch


@dataclass(frozen=True)
class Asked:
    """Who asks for a study, and when.

    Attributes:
        at: Moment, ISO 8601 in UTC.
        by: Name of the user.
        command: The command.
    """

    at: str
    by: str
    command: str


def load_material(
    catalog: DataCatalog,
    market: Market,
    changes: Mapping[str, Any],
    kind: str | None = None,
    divided: Mapping[str, Any] | None = None,
) -> Material:
    """What a study of a market is made from.

    Args:
        catalog: The catalog of the project.
        market: The market.
        changes: Parameters of the study that take the place of the configured ones.
        kind: Kind of the protocol; None takes the configured one. Of another kind nothing else is taken over.
        divided: Other settings of the protocol.

    Raises:
        StoreError: If there is no gold yet; says how to make it.
        ConfigurationError: If a parameter has no such value.
    """
    name = market.name
    params = load_parameters(catalog, market, TrainingParams, "training")
    configured = params.study.protocol
    own = configured.model_dump() if kind in (None, configured.kind) else {"kind": kind}
    try:
        study = type(params.study).model_validate(
            {**params.study.model_dump(), **changes, "protocol": {**own, **(divided or {})}}
        )
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigurationError(f"No such study of {name} can be run: {told}.") from None
    return Material(
        gold=catalog.load(f"{name}.gold"),
        feature_set=catalog.load(f"{name}.feature_set"),
        params=params.model_copy(update={"study": study}),
        market=market,
        code=catalog.load(f"{name}.code_version"),
    )


def study_market(
    catalog: DataCatalog, root: Path, material: Material, asked: Asked, tell: Callable[[str], None]
) -> tuple[Findings, Path]:
    """Enter what is tried, run it, and write table, gaps, leaks and page.

    Returns:
        What was found, and the place of the page.
    """
    folder = Layout(root).study(material.market.name)
    pieces = Pieces(folder / "pieces")
    # Before anything is measured, so that what is seen of a killed study counts as well.
    rows = rows_of(material.gold, tested_times(material))
    tried = enter(catalog, material, rows, asked)
    found = run_study(material, pieces, tell)
    pieces.prune()
    kind = material.study.protocol.kind
    for name, table in {"study": found.study, "leaks": found.leaks, "gaps": found.gaps, "splits": found.splits}.items():
        _write(folder / f"{kind}_{name}.parquet", table)
    page = folder / f"{kind}.html"
    write_text_atomically(page, study_page(results_of(catalog, material, found, tried)))
    return found, page


def enter(catalog: DataCatalog, material: Material, rows: DataSketch, asked: Asked) -> int:
    """Write every candidate's configurations into the ledger of trials; a repeated study adds nothing.

    Returns:
        How many configurations were ever judged on these rows.
    """
    name, params = material.market.name, material.params
    entries = [
        LedgerEntry(Kind.JUDGED, model, own, horizon, seed, rows, asked.at, asked.by, asked.command)
        for model, horizon, seed, own in configurations(material)
        if MODELS[model_of(model, params)].kind is ModelKind.CANDIDATE
    ]
    ledger, _ = catalog.load(f"{name}.trial_ledger").add(entries)
    catalog.save(f"{name}.tried", ledger)
    return int(ledger.judged_on(rows))


def results_of(catalog: DataCatalog, material: Material, found: Findings, tried: int) -> StudyResults:
    """What the page is made from."""
    market, given = material.market, catalog.load(f"{material.market.name}.provenance")
    params, protocol = material.params, material.study.protocol
    gold = material.gold
    return StudyResults(
        market=market,
        study=found.study,
        leaks=found.leaks,
        gaps=found.gaps,
        splits=found.splits,
        protocol=in_words(protocol),
        looks_ahead=protocol.looks_ahead,
        unseeded=tuple(one for one in params.models if len(material.seeds) > len(material.seeds_of(one))),
        tried=tried,
        simulated=given.simulated,
        preset=preset_in_words(preset_of(given.source_id)) if given.simulated else "",
        origin={
            "source": f"{given.source} ({given.source_id}), {gold[INSTRUMENT].nunique()} instruments",
            "data": hash_content(dict(given.content_hashes))[:HASH],
            "features": hash_content(material.feature_set.to_dict())[:HASH],
            "code": material.code.code_hash[:HASH],
            "commit": (material.code.git_commit or "none")[:12],
            "seeds": f"{material.seeds[0]} to {material.seeds[-1]}",
        },
    )


def in_words(protocol: Protocol) -> str:
    """How rows are divided, for readers."""
    if protocol.kind == "combinatorial":
        return f"Combinations of {protocol.n_test_groups} of {protocol.n_groups} groups, purged on both sides"
    if protocol.window_bars is not None:
        return f"Walk-forward with a rolling window of {protocol.window_bars} bars"
    if protocol.window_years is not None:
        return f"Walk-forward with a rolling window of {protocol.window_years:g} years"
    return "Walk-forward with an expanding window"


def _write(place: Path, table: pd.DataFrame) -> None:
    write_atomically(place, lambda path: table.to_parquet(path, index=False))
