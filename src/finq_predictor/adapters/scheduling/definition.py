"""The schedule as the project's configuration has it, and what its jobs run."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from finq_predictor.adapters.environment.reading import value_of
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.scheduling.intents import INTENTS, PREDICTIONS, SCREENING
from finq_predictor.domain.scheduling.jobs import Job, Schedule

FILE = "airflow.yml"
_OWN = ("kedro", "finq")
_PIPELINES = Path(__file__).parents[2] / "pipelines"


def read_schedule(project: Path, environment: str) -> Schedule:
    """Read the file that also makes the DAGs of Airflow.

    Args:
        project: Root of the project.
        environment: Overlay; what its file says of a job lies over what the base says of it.

    Raises:
        ConfigurationError: If there is no such file, or a block of it cannot be read.
        UnknownNameError: If a job runs a pipeline that does not exist.
    """
    schedule = Schedule.of(_read(project, environment, "airflow"))
    known = pipeline_names()
    for name, job in schedule.items():
        if job.command is None and name not in known:
            raise UnknownNameError("pipeline, and no command, in the schedule", name, known)
    return schedule


def pipeline_names() -> frozenset[str]:
    """The names of all pipelines, found as files: to import them takes longer than to say what is due."""
    stages = {one.name for one in iter_modules([str(_PIPELINES)]) if one.ispkg}
    intents = {f"{market}_{intent}" for market in MARKETS for intent in (*INTENTS, PREDICTIONS, SCREENING)}
    return frozenset(stages | intents | {*MARKETS, "__default__"})


def data_root(project: Path, environment: str, params: str) -> Path:
    """Folder of the data below which jobs work where nobody names one: that of the parameters, or of the globals.

    Args:
        project: Root of the project, from which it is counted.
        environment: Overlay.
        params: Further parameters of each run.

    Raises:
        ConfigurationError: If the globals cannot be read.
    """
    given = dict(pair.partition("=")[::2] for pair in params.split(","))
    return project / (given.get("data_root") or _read(project, environment, "globals").get("root", "data"))


def _read(project: Path, environment: str, what: str) -> Mapping[str, Any]:
    from kedro.config import MissingConfigException, OmegaConfigLoader
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        with warnings.catch_warnings():
            # About itself, from the library below Kedro's loader.
            warnings.filterwarnings("ignore", message="register_new_resolver")
            loader = OmegaConfigLoader(
                conf_source=str(project / "conf"),
                env=environment,
                base_env="base",
                default_run_env="local",
                # As the project's settings have it, with which the DAGs are made.
                merge_strategy={"airflow": "soft", "globals": "soft"},
                config_patterns={"airflow": ["airflow*"]},
            )
            found: Mapping[str, Any] = loader[what]
    except (YAMLError, OmegaConfBaseException) as error:
        raise ConfigurationError(
            f"A file {what}*.yml below {project / 'conf'} cannot be read ({error}); expected YAML with a block for "
            "each name."
        ) from error
    except (MissingConfigException, ValueError) as error:
        raise ConfigurationError(
            f"There is no schedule below {project / 'conf'} that can be read ({error}); expected conf/base/{FILE}. Run "
            "in the project's root, or set FINQ_PROJECT."
        ) from error
    return found


@dataclass(frozen=True)
class Programs:
    """How jobs are started; the same variables say it to the DAGs of Airflow.

    Attributes:
        project: Root of the project, where jobs run.
        kedro: The project's ``kedro``; ``finq`` lies beside it.
        environment: Overlay of the configuration.
        params: Further ``--params`` of a run, such as ``data_root=/srv/finq``.
    """

    project: Path
    kedro: Path
    environment: str
    params: str = ""

    @classmethod
    def of_environment(cls, environment: str | None = None, params: str | None = None) -> Programs:
        """Those that the variables of this process say.

        Args:
            environment: Overlay, where it is not that of ``FINQ_KEDRO_ENV``, else of Kedro's own ``KEDRO_ENV``.
            params: Parameters, where they are not those of ``FINQ_KEDRO_PARAMS``.
        """
        project = Path(value_of("FINQ_PROJECT") or Path.cwd()).resolve()
        beside = Path(sys.executable).parent / "kedro"
        return cls(
            project,
            Path(value_of("FINQ_KEDRO") or beside),
            environment or value_of("FINQ_KEDRO_ENV") or "local",
            value_of("FINQ_KEDRO_PARAMS") if params is None else params,
        )

    @property
    def told(self) -> dict[str, str]:
        """The same for the commands that a job runs, which say none of it."""
        return {
            "FINQ_PROJECT": str(self.project),
            "FINQ_KEDRO": str(self.kedro),
            "FINQ_KEDRO_ENV": self.environment,
            "FINQ_KEDRO_PARAMS": self.params,
        }

    def commands(self, schedule: Schedule) -> Mapping[str, tuple[str, ...]]:
        """What each job runs."""
        return {name: self._command(name, job) for name, job in schedule.items()}

    def _command(self, name: str, job: Job) -> tuple[str, ...]:
        words = job.command or ("kedro", "run", "--pipelines", name)
        program = str(self.kedro.with_name(words[0])) if words[0] in _OWN else words[0]
        if words[:2] != ("kedro", "run"):
            return (program, *words[1:])
        params = ("--params", self.params) if self.params else ()
        return (program, "run", "--env", self.environment, *words[2:], *params)
