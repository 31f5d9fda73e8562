"""What a driver says of its GPUs is told through the real library; without a driver there is no figure.

The driver is a few lines of C with the interface of NVIDIA's, since hardly any machine that runs tests has another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from finq_predictor.adapters.alarms.reading import parsed

DRIVER = r"""
#include <string.h>
#include <stdint.h>
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned int gpu, memory; } busy;
int nvmlInitWithFlags(unsigned int flags) { return 0; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return "as the driver says"; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = COUNT; return STATE; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int at, void **device) { *device = (void *)(uintptr_t)(at + 1); return 0; }
int nvmlDeviceGetName(void *device, char *name, unsigned int size) { strncpy(name, "Card \"X\"", size); return 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory *found) { found->total = 1000; found->used = 250; return 0; }
int nvmlDeviceGetUtilizationRates(void *device, busy *found) {
    if ((uintptr_t)device == 2) return 3; /* not supported */
    found->gpu = 75; return 0;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned int *found) { *found = 41; return 0; }
"""
TELL = (
    "from finq_predictor.adapters.alarms.graphics import graphics_gauges\n"
    "from finq_predictor.adapters.prometheus_text import prometheus_text\n"
    "print(prometheus_text(graphics_gauges()), end='')"
)


def told(folder: Path) -> dict[tuple[str, str], float]:
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
    )  # fmt: skip
    return {(name, labels["gpu"]): value for name, labels, value in parsed(done.stdout, "the page")}


def driver(folder: Path, count: int, state: int = 0) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here; install one with: apt-get install -y gcc")
    (folder / "driver.c").write_text(DRIVER)
    words = ["-shared", "-fPIC", f"-DCOUNT={count}", f"-DSTATE={state}", "driver.c", "-o", "libnvidia-ml.so.1"]
    subprocess.run([compiler, *words], cwd=folder, check=True, timeout=60)
    return folder


def test_each_gpu_is_told_and_what_one_cannot_say_is_left_out(tmp_path):
    found = told(driver(tmp_path, 2))
    assert found["finq_gpu_utilisation_ratio", "0"] == 0.75
    assert ("finq_gpu_utilisation_ratio", "1") not in found
    assert found["finq_gpu_memory_used_bytes", "1"] == 250.0
    assert found["finq_gpu_memory_size_bytes", "0"] == 1000.0
    assert found["finq_gpu_temperature_celsius", "1"] == 41.0


def test_a_driver_without_a_gpu_and_one_that_fails_tell_nothing(tmp_path):
    assert told(driver(tmp_path, 0)) == {}
    assert told(driver(tmp_path, 1, state=999)) == {}


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a GPU")
def test_without_a_driver_there_is_no_figure(tmp_path):
    assert told(tmp_path) == {}
