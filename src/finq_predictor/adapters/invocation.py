"""How a run was started, as a value: what a report shows so that a reader can start it again."""

from __future__ import annotations

import getpass
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from finq_predictor.adapters.secrets import masked

# Options of `kedro run` that choose what runs, by the name under which Kedro tells its hooks about them.
_CHOOSING = {
    "pipeline_names": "pipelines",
    "namespaces": "namespaces",
    "tags": "tags",
    "node_names": "nodes",
    "from_nodes": "from-nodes",
    "to_nodes": "to-nodes",
    "from_inputs": "from-inputs",
    "to_outputs": "to-outputs",
}


@dataclass(frozen=True)
class Invocation:
    """What was given to ``kedro run``; without anything it runs every pipeline as configured.

    Attributes:
        environment: The overlay; None is the default one.
        options: Option that chooses what runs -> its values, as given.
        params: Run parameters, nested as the configuration is.
        user: Who started it.
        why_trained: Why the last training of the market was asked for; empty where nobody asked.
        typed: Another command than ``kedro run``, as it was typed; empty for a run.
    """

    environment: str | None = None
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    user: str = field(default="unknown", compare=False)
    why_trained: str = field(default="", compare=False)
    typed: str = field(default="", compare=False)

    @classmethod
    def of(cls, run_params: Mapping[str, Any]) -> Invocation:
        """Read what Kedro tells a hook about a run.

        Args:
            run_params: As ``before_pipeline_run`` gets them.
        """
        given = {option: tuple(run_params.get(name) or ()) for name, option in _CHOOSING.items()}
        return cls(
            environment=run_params.get("env"),
            options={option: values for option, values in given.items() if values},
            params=dict(run_params.get("runtime_params") or {}),
            user=current_user(),
        )

    @property
    def command(self) -> str:
        """The command that starts the run again; what no command line can say is noted on a line of its own.

        Secrets are hidden: who starts the run again has to know them.
        """
        if self.typed:
            return self.typed
        words = ["kedro run"]
        if self.environment:
            words.append(f"--env {shlex.quote(self.environment)}")
        words += [f"--{option}={shlex.quote(','.join(sorted(values)))}" for option, values in self.options.items()]
        params = dict(_flat(masked(self.params)))
        # Kedro takes a comma for the end of a parameter, wherever it stands.
        said = [f"{name}={value}" for name, value in params.items() if "," not in value]
        if said:
            words.append(f"--params {_quoted(','.join(said))}")
        unsaid = [
            f"\n# and in conf/local/parameters.yml: {name}: {value}" for name, value in params.items() if "," in value
        ]
        return " ".join(words) + "".join(unsaid)


def current_user() -> str:
    """Who runs this process: a name, or a number that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return str(os.getuid())


def _flat(params: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", _text(value)


def _text(value: Any) -> str:
    """A value so written that reading it as YAML, as Kedro does, gives it back."""
    if isinstance(value, str) and value and _reads_as_itself(value):
        return f"'{value}'" if _is_numeric(value) else value
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")


def _reads_as_itself(text: str) -> bool:
    try:
        return bool(yaml.safe_load(text) == text)
    except yaml.YAMLError:
        return False


def _is_numeric(text: str) -> bool:
    """Whether Python takes it for a number: Kedro reads 0E0 as one, which YAML 1.1 does not."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    return shlex.quote(text) if re.search(r'["$`\\!]', text) else f'"{text}"'
