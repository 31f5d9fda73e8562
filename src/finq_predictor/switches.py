"""What libraries read from the environment when they are first imported: nobody is told anything, and none interrupts.

Whoever starts a process of the product calls `set_switches` before anything else: the settings of Kedro, the commands,
the services and the tests. What is set already stays. Run as a file, this prints the switches for a Makefile.
"""

from __future__ import annotations

import os
import sys

TELEMETRY = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DAGSTER_DISABLE_TELEMETRY": "yes",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "KEDRO_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
# MLflow would write its own lines and bars between those of a run.
CONSOLE = {"MLFLOW_CONFIGURE_LOGGING": "false", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}


def set_switches() -> None:
    """Set every switch that is not set yet, for this process and those it starts."""
    for name, value in {**TELEMETRY, **CONSOLE}.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}={value}\n" for name, value in {**TELEMETRY, **CONSOLE}.items())
