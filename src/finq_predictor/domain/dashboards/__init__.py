"""Dashboards: what is asked of Prometheus, and how it is shown. One module for each, see `DASHBOARDS`."""

from finq_predictor.domain.dashboards.business import BUSINESS
from finq_predictor.domain.dashboards.data_quality import DATA_QUALITY
from finq_predictor.domain.dashboards.infrastructure import INFRASTRUCTURE
from finq_predictor.domain.dashboards.model_performance import MODEL_PERFORMANCE
from finq_predictor.domain.dashboards.panel import COLUMNS, Dashboard, Panel, Query, Shape, Unit
from finq_predictor.domain.registry import Registry

DASHBOARDS = Registry.of("dashboard", DATA_QUALITY, MODEL_PERFORMANCE, BUSINESS, INFRASTRUCTURE)
"""Every dashboard by name."""

__all__ = ["COLUMNS", "DASHBOARDS", "Dashboard", "Panel", "Query", "Shape", "Unit"]
