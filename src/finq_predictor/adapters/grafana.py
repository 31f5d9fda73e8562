"""Dashboards as the files that Grafana reads when it starts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from finq_predictor.domain.dashboards import Dashboard, Panel, Shape, Unit
from finq_predictor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "prometheus"
"""How the data source is called that deploy/grafana/provisioning declares."""
_HEIGHT = 8
_UNITS = {
    Unit.NUMBER: "short",
    Unit.SHARE: "percentunit",
    Unit.SECONDS: "s",
    Unit.HOURS: "h",
    Unit.BYTES: "bytes",
    Unit.PER_SECOND: "reqps",
    Unit.PER_HOUR: "short",
    Unit.BASIS_POINTS: "short",
    Unit.DOLLARS: "currencyUSD",
    Unit.CELSIUS: "celsius",
    Unit.YES: "bool_yes_no",
}


def dashboard_json(dashboard: Dashboard) -> str:
    """A dashboard as a file, the same for the same dashboard.

    Raises:
        ConfigurationError: If the library that knows the form is not installed; says what to type.
    """
    try:
        from grafana_foundation_sdk.builders import dashboard as build
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.models.dashboard import GridPos
    except ImportError:
        raise ConfigurationError(
            "Files for Grafana are made with grafana-foundation-sdk, which is not installed here; type: "
            "make setup, or pip install -c constraints.txt '.[dev]'."
        ) from None
    made = build.Dashboard(dashboard.title).uid(f"finq-{dashboard.name}").tags(["finq"]).refresh("30s")
    made = made.time("now-6h", "now").timezone("utc").readonly()
    for number, (panel, column, row) in enumerate(dashboard.placed(), start=1):
        place = GridPos(h=_HEIGHT, w=panel.width, x=column, y=row * _HEIGHT)
        made = made.with_panel(_panel(panel).id(number).grid_pos(place))
    said = json.loads(JSONEncoder().encode(made.build()))
    # What the library still knows, Grafana does not any more.
    said.pop("style", None)
    return json.dumps(said, sort_keys=True, indent=2) + "\n"


def write_dashboards(dashboards: list[Dashboard], folder: Path) -> list[Path]:
    """Write each as a file of a folder, and remove those that are no more."""
    from finq_predictor.adapters.atomic_file import write_text_atomically

    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{one.name}.json": dashboard_json(one) for one in dashboards}
    for file, text in files.items():
        write_text_atomically(file, text)
    for old in set(folder.glob("*.json")) - files.keys():
        old.unlink()
    return sorted(files)


def _panel(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import bargauge, stat, timeseries
    from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
    from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.models.common import BigValueColorMode, LegendPlacement, VizOrientation
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

    source = DataSourceRef(type_val="prometheus", uid=SOURCE)
    newest = ReduceDataOptions().calcs(["lastNotNull"])
    match panel.shape:
        case Shape.LINES:
            legend = VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM)
            made: Any = timeseries.Panel().line_width(2).fill_opacity(8).legend(legend)
        case Shape.NUMBERS:
            made = stat.Panel().reduce_options(newest).color_mode(BigValueColorMode.VALUE)
        case Shape.STEPS:
            made = bargauge.Panel().reduce_options(newest).orientation(VizOrientation.VERTICAL)
        case Shape.BARS:
            made = bargauge.Panel().reduce_options(newest).orientation(VizOrientation.HORIZONTAL)
    made = made.title(panel.title).description(panel.text).unit(_UNITS[panel.unit]).datasource(source)
    steps = [Threshold(value=None, color="green")]
    if panel.limit is not None:
        steps.append(Threshold(value=panel.limit, color="red"))
    made = made.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    for number, query in enumerate(panel.queries):
        asked = Dataquery().expr(query.promql).legend_format(query.legend).ref_id("ABCDEF"[number]).datasource(source)
        # A number or a bar is the newest answer; a line is what it was over time.
        asked = asked.range() if panel.shape is Shape.LINES else asked.instant()
        made = made.with_target(asked)
    return made
