"""What the driver of NVIDIA says of the GPUs of this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from finq_predictor.domain.metrics import Metric
from finq_predictor.domain.metrics.surroundings import GPU_BUSY, GPU_MEMORY_TOTAL, GPU_MEMORY_USED, GPU_TEMPERATURE
from finq_predictor.domain.monitoring.gauges import Gauge

logger = logging.getLogger(__name__)


def graphics_gauges() -> list[Gauge]:
    """How busy, full and hot each GPU is; no sample where there is none, or where nobody can say.

    The library that asks the driver comes with the extra `serve`; without it, or without a driver, there is no figure.
    """
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        # No driver: a machine without a GPU.
        return []
    try:
        return _measured(pynvml)
    except pynvml.NVMLError as error:
        logger.warning("The GPUs cannot be measured: %s", error)
        return []
    finally:
        pynvml.nvmlShutdown()


def _measured(nvml: Any) -> list[Gauge]:
    asked: dict[Metric, Callable[[Any], float]] = {
        GPU_BUSY: lambda device: nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100.0,
        GPU_MEMORY_USED: lambda device: nvml.nvmlDeviceGetMemoryInfo(device).used,
        GPU_MEMORY_TOTAL: lambda device: nvml.nvmlDeviceGetMemoryInfo(device).total,
        GPU_TEMPERATURE: lambda device: nvml.nvmlDeviceGetTemperature(device, nvml.NVML_TEMPERATURE_GPU),
    }
    samples: dict[Metric, list[tuple[dict[str, str], float]]] = {metric: [] for metric in asked}
    for number in range(nvml.nvmlDeviceGetCount()):
        device = nvml.nvmlDeviceGetHandleByIndex(number)
        labels = {"gpu": str(number), "name": str(nvml.nvmlDeviceGetName(device))}
        for metric, ask in asked.items():
            try:
                samples[metric].append((labels, float(ask(device))))
            except nvml.NVMLError_NotSupported:
                # Some parts say less than others; what they do not say has no figure.
                continue
    return [Gauge.of(metric, found) for metric, found in samples.items()]
