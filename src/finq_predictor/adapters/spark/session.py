"""The one session of a process, and a clear word where there can be none."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from finq_predictor.adapters.environment.reading import foreign, hand_on
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError

logger = logging.getLogger(__name__)
MISSING = (
    "make .venv-spark/.ready installs it, and .venv-spark/bin/python -m kedro runs with it; see "
    "docs/how-to/run-on-spark.md."
)
_ASK_EVERY_S = 1.0


@dataclass(frozen=True)
class SparkSettings:
    """Where and with how much Spark computes.

    Attributes:
        master: ``local[2]`` (two tasks at once in this process's own JVM), ``spark://host:7077`` or ``k8s://...``.
        memory: Memory of the driver's JVM where the master is local, else of each executor's. What the features need
            lies in Python beside it; see :attr:`task_mb`.
        task_mb: Most megabytes that the features of one task take. A task needs two to three times as much.
        python: Python of the workers; None is the one that runs here, which on a cluster has to be there as well.
        folder: Where Spark keeps what it moves between tasks, on a local disk; None is the system's temporary folder.
        options: Further options of Spark, by name.
    """

    master: str = "local[2]"
    memory: str = "1g"
    task_mb: int = 256
    python: str | None = None
    folder: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task_mb < 1:
            raise ConfigurationError(f"task_mb of Spark is {self.task_mb}; give 1 or more megabytes, such as 256.")

    @property
    def local(self) -> bool:
        """Whether driver and workers are of this machine."""
        return self.master.startswith("local")

    def configuration(self) -> dict[str, str]:
        """The options that a session is made with."""
        known = {
            "spark.sql.session.timeZone": "UTC",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            # A worker that is done is asked again: to import and to compile anew costs seconds.
            "spark.python.worker.reuse": "true",
            "spark.driver.memory": self.memory,
        }
        if self.local:
            # Nobody else may ask, and no name has to be looked up.
            known |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        else:
            known |= {"spark.executor.memory": self.memory}
        if self.folder:
            known |= {"spark.local.dir": self.folder}
        return {**known, **self.options}


def settings_of(given: Mapping[str, Any]) -> SparkSettings:
    """Read settings as a configuration gives them.

    Raises:
        ConfigurationError: If one does not exist or has an impossible value; near misses are suggested.
    """
    known = [one.name for one in fields(SparkSettings)]
    for name in given:
        if name not in known:
            raise UnknownNameError("setting of Spark", name, known)
    try:
        return TypeAdapter(SparkSettings).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"The setting {name} of Spark is {first['input']!r}: {first['msg']}.") from error


def require_spark() -> None:
    """Make sure that there are Java and PySpark.

    Raises:
        ConfigurationError: Otherwise; says what to install.
    """
    home = foreign("JAVA_HOME")
    java = Path(home, "bin", "java") if home else None
    if not (java.is_file() if java else shutil.which("java")):
        where = f"in JAVA_HOME ({home})" if home else "on the PATH, and JAVA_HOME is not set"
        raise ConfigurationError(
            f"Spark needs Java 17 or newer, and there is none {where}. Install one, such as Debian's "
            "openjdk-17-jre-headless, or set JAVA_HOME."
        )
    if importlib.util.find_spec("pyspark") is None:
        raise ConfigurationError(f"Spark needs the package pyspark, and {sys.executable} has none: {MISSING}")


def session(settings: SparkSettings) -> Any:
    """The session of this process; the first who asks decides where it computes.

    Raises:
        ConfigurationError: If Java or PySpark is missing, or the cluster cannot be reached.
    """
    require_spark()
    import warnings

    # Of PySpark about pandas 3: no table of pandas goes through it here.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    from pyspark.sql import SparkSession

    # Workers would otherwise take whatever `python3` the PATH has.
    hand_on("PYSPARK_PYTHON", settings.python or sys.executable)
    hand_on("PYSPARK_DRIVER_PYTHON", sys.executable)
    if settings.local:
        hand_on("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.appName("finq_predictor").master(settings.master)
    for name, value in settings.configuration().items():
        builder = builder.config(name, value)
    try:
        made = builder.getOrCreate()
    except Exception as error:
        said = str(error).strip().splitlines()
        raise ConfigurationError(
            f"No session of Spark could be made with the master {settings.master!r}: {said[0] if said else error!r}. "
            "Give the address of a master that this machine reaches, or local[2]."
        ) from error
    made.sparkContext.setLogLevel("ERROR")
    return made


@contextmanager
def progress(context: Any, what: str, every_s: float = 10.0) -> Iterator[None]:
    """Say how many tasks of the work within are done, as long as it goes on.

    Args:
        context: The context of Spark.
        what: What the tasks do.
        every_s: Seconds between two lines.
    """
    done = threading.Event()
    context.setJobGroup(what, what)

    def watch() -> None:
        tracker = context.statusTracker()
        while not done.wait(every_s):
            stages = [
                stage
                for job in tracker.getJobIdsForGroup(what)
                for number in getattr(tracker.getJobInfo(job), "stageIds", ())
                if (stage := tracker.getStageInfo(number)) is not None and stage.numActiveTasks
            ]
            for stage in stages:
                logger.info("%s: %d of %d tasks", what, stage.numCompletedTasks, stage.numTasks)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(_ASK_EVERY_S)
