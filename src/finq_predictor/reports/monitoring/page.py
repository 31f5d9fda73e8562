"""The monitoring page: the verdict in plain words, then the evidence."""

from __future__ import annotations

from finq_predictor.reports.formatting import day
from finq_predictor.reports.lineage import origin_of, preset_in_words
from finq_predictor.reports.monitoring import head
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.monitoring.sections import SECTIONS
from finq_predictor.reports.pages import Frame, render_page

ROOM = "monitoring"


def monitoring_page(results: MonitoringResults, snapshot: str = "") -> str:
    """The monitoring page of one market.

    Args:
        results: What was found.
        snapshot: Id of the snapshot that holds what was watched; empty where there is none.

    Returns:
        One self-contained HTML page. Below every section stand model, snapshot, hashes and the source of the data.
    """
    frame = Frame(results.simulated, _origin(results, snapshot), preset_in_words(results.preset))
    return render_page(ROOM, head.build(results), SECTIONS, results, frame)


def _origin(results: MonitoringResults, snapshot: str) -> dict[str, str]:
    champion, given = results.champion, results.provenance
    return {
        "model": f"{champion.name} version {champion.version}",
        "snapshot": snapshot or "none",
        **origin_of(champion),
        "source": f"{given.source} ({given.source_id}), {given.instruments} instruments",
        "period": f"{day(given.first_ts)} to {day(given.last_ts)}",
    }
