"""The Data Docs of Great Expectations for what a market has stored, so that they open from the disk without a network.

The library renders a page for each suite and each validation. Its index fills itself by scripts, and every page takes
scripts and styles from servers: the index is written here, and from the pages all that is taken.
"""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.layout import Folder, Layout
from finq_predictor.adapters.quality.engine import expectations
from finq_predictor.adapters.quality.suites import declared, expectations_of, with_derived
from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.tables import Layer, Table

_FOREIGN = re.compile(
    r"<script.*?</script>|<footer.*?</footer>|<link[^>]*https?://[^>]*>|<img[^>]*https?://[^>]*>", re.DOTALL
)
_STYLE = """<style>
body {font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 0 1.5rem 3rem; color: #1f2933}
table {border-collapse: collapse; margin: .6rem 0; width: 100%} .col-6 table {width: auto}
th, td {border-bottom: 1px solid #d9dee4; padding: .3rem .6rem; text-align: left; vertical-align: top}
a {color: #1f5f99} ul {padding-left: 1.2rem} .breadcrumb, .nav {list-style: none; padding: 0; display: flex; gap: 1rem}
.ge-navigation-sidebar-content {flex-wrap: wrap} .alert, .card-header {background: #eef1f4; padding: .5rem .8rem}
.badge {background: #eef1f4; border-radius: .3rem; padding: 0 .3rem} .text-success, .met {color: #1b7f3b}
.text-danger, .failed {color: #b3261e; font-weight: 600} .fa-check-circle::before {content: "\\2713"}
.fa-times::before {content: "\\2717"} .fa-exclamation-triangle::before {content: "!"} .cooltip span.top {display: none}
</style>
<script>
function each(shown) {document.querySelectorAll("tr").forEach(function (row) {
  if (row.querySelector(".text-success")) row.style.display = shown ? "" : "none";});}
function showAllValidations() {each(true);} function hideSucceededValidations() {each(false);}
</script>"""


@dataclass(frozen=True)
class Validation:
    """A stored table beside its declaration.

    Attributes:
        layer: Its layer.
        table: Its name in the layer.
        rows: Rows that were looked at.
        met: Expectations that are met.
        failed: Expectations that are not.
    """

    layer: str
    table: str
    rows: int
    met: int
    failed: int

    @property
    def name(self) -> str:
        """Layer and table."""
        return f"{self.layer} {self.table}"


def write_data_docs(root: Path, market: str) -> Path:
    """Validate what a market has stored last in bronze, silver and gold, and write the site.

    Args:
        root: Folder of the data.
        market: Name of the market.

    Returns:
        The first page. The site is built beside its place and takes it in one step.

    Raises:
        StoreError: If nothing is stored.
    """
    snapshot = SnapshotStore(root, market).newest()
    tables = dict(stored_tables(snapshot, root, market))
    if not tables:
        raise StoreError(f"Nothing of {market} is stored below {root}; run `make run` or give another folder.")
    results = Layout(root).place(market, "gate_results")
    gates = pd.read_parquet(results) if results.is_file() else None
    target = Layout(root).data_docs(market)
    building = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    try:
        build_site(market, tables, gates, building, snapshot.id, pd.Timestamp(snapshot.manifest.published_at))
        shutil.rmtree(target, ignore_errors=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return target / "index.html"


def stored_tables(snapshot: Snapshot, root: Path, market: str) -> Iterator[tuple[tuple[Layer, str], pd.DataFrame]]:
    """What is stored, by layer and table: the newest delivery, and the newest silver and gold."""
    names = get_market(market).source_tables
    for table in names:
        store = BronzeStore(root / Folder.BRONZE / market / table)
        if entries := store.entries():
            yield (Layer.BRONZE, f"part_of_{table}" if entries[-1].until else table), store.last()
    kept = {(Layer.SILVER, table): f"silver_{table}" for table in names} | {(Layer.GOLD, "gold"): "gold"}
    for key, dataset in kept.items():
        if snapshot.has(dataset):
            yield key, pd.read_parquet(snapshot.path(dataset))


def build_site(
    market: str,
    tables: Mapping[tuple[Layer, str], pd.DataFrame],
    gates: pd.DataFrame | None,
    target: Path,
    run: str,
    run_time: pd.Timestamp,
) -> list[Validation]:
    """Validate tables and write the site.

    Args:
        market: Name of the market.
        tables: By layer and name in the layer.
        gates: The table ``gate_results``; None where there is none.
        target: Folder of the site, which is not there yet.
        run: Id of what was validated, such as of a snapshot.
        run_time: When that was published (UTC).

    Returns:
        What was found, in the order of the tables.
    """
    expectations()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gx = import_module("great_expectations")
        context = _context(gx, target)
        source = context.data_sources.add_pandas(market)
        when = gx.RunIdentifier(run_name=run or "none", run_time=run_time.isoformat())
        found = [_validated(gx, context, source, market, key, frame, when) for key, frame in tables.items()]
        context.build_data_docs(site_names=["site"])
    for page in target.rglob("*.html"):
        text = _FOREIGN.sub("", page.read_text(encoding="utf-8")).replace("</head>", f"{_STYLE}</head>")
        page.write_text(text, encoding="utf-8")
    (target / "index.html").write_text(_index(market, found, gates, target, run, run_time), encoding="utf-8")
    return found


def _context(gx: Any, target: Path) -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = import_module("great_expectations.data_context.types.base").ProgressBarsConfig(
        globally=False
    )
    context.add_data_docs_site(
        "site",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(target.resolve())},
        },
    )
    return context


def _validated(
    gx: Any, context: Any, source: Any, market: str, key: tuple[Layer, str], frame: pd.DataFrame, when: Any
) -> Validation:
    layer, table = key
    name = f"{layer} {table}"
    declaration = declared(layer, market, table)
    looked_at, wanted = _wanted(declaration, frame.reset_index(drop=True))
    batches = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=wanted))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batches, suite=suite))
    checkpoint = gx.Checkpoint(name=name, validation_definitions=[definition], result_format="SUMMARY")
    answer = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": looked_at}, run_id=when)
    (result,) = answer.run_results.values()
    met = sum(bool(one.success) for one in result.results)
    return Validation(str(layer), table, len(frame), met, len(result.results) - met)


def _wanted(declaration: Table, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Any]]:
    """The expectations of a table, and the frame with what they need; only its columns where they are not as declared.

    Of many features those that NumPy alone has cleared are left out, as when they are stored.
    """
    gxe = expectations()
    columns = [gxe.ExpectColumnToExist(column=name) for name in declaration.names]
    if misfits := declaration.misfits(frame):
        types = [
            gxe.ExpectColumnValuesToBeOfType(column=name, type_=column.dtype)
            for name, _ in misfits
            if name in frame and (column := declaration.column(name)) is not None
        ]
        return frame, [*columns, *types]
    frame = with_derived(declaration, frame)
    return frame, [*columns, *expectations_of(declaration, frame)]


def _index(
    market: str,
    found: Sequence[Validation],
    gates: pd.DataFrame | None,
    target: Path,
    run: str,
    run_time: pd.Timestamp,
) -> str:
    pages = {
        page.relative_to(target / "validations").parts[0]: page for page in (target / "validations").rglob("*.html")
    }
    rows = [
        [
            one.layer,
            f'<a href="{quote(pages[one.name].relative_to(target).as_posix())}">{escape(one.table)}</a>',
            f"{one.rows:,}",
            str(one.met),
            f'<span class="{"failed" if one.failed else "met"}">{one.failed or "none"}</span>',
        ]
        for one in found
    ]
    parts = [
        f"<h1>Data Docs: {escape(market)}</h1>",
        f"<p>What is stored beside what is declared about it; snapshot {escape(run or 'none')}, "
        f"{run_time:%Y-%m-%d %H:%M} UTC. A table leads to its expectations, each with what was observed.</p>",
        _table(("Layer", "Table", "Rows", "Met", "Failed"), rows),
    ]
    if gates is not None:
        parts += ["<h2>Gates of the last delivery</h2>", _table(_GATES, [_gate(row) for row in gates.itertuples()])]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data Docs: {escape(market)}</title>{_STYLE}'
        f"</head><body>{''.join(parts)}</body></html>\n"
    )


_GATES = ("Frame", "Gate", "Found", "Limit", "Answer", "Where")


def _gate(row: Any) -> list[str]:
    answer = "passed" if row.passed else {"stop": "stopped the run"}.get(row.severity, "warns")
    limit = "" if pd.isna(row.limit) else f"{row.limit:g}"
    said = f'<span class="{"met" if row.passed else "failed"}">{answer if row.severity != "note" else "noted"}</span>'
    return [escape(row.frame), escape(row.rule), f"{row.value:.4g}", limit, said, escape(row.found)]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
