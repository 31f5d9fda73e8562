"""Every metric that the product exposes, declared once: by name, kind, unit, labels and meaning."""

from finq_predictor.domain.metrics.base import Kind, Metric

__all__ = ["Kind", "Metric"]
