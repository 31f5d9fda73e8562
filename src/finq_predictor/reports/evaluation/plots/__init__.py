"""The pictures of the report, one module per section: each answers one question, with labelled axes and units."""

from finq_predictor.reports.evaluation.plots.calibration import calibration_plot, confusion_plot
from finq_predictor.reports.evaluation.plots.earnings import capacity_plot, pnl_plot
from finq_predictor.reports.evaluation.plots.inside import importance_plot
from finq_predictor.reports.evaluation.plots.leaks import leak_meter_plot
from finq_predictor.reports.evaluation.plots.skill import decile_plot, decile_returns, skill_plot
from finq_predictor.reports.evaluation.plots.steadiness import gap_plot

__all__ = [
    "calibration_plot",
    "capacity_plot",
    "confusion_plot",
    "decile_plot",
    "decile_returns",
    "gap_plot",
    "importance_plot",
    "leak_meter_plot",
    "pnl_plot",
    "skill_plot",
]
