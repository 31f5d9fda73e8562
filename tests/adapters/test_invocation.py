from __future__ import annotations

import shlex
import subprocess

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kedro.framework.cli.project import run as kedro_run

from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.secrets import HIDDEN


def read(command: str) -> dict:
    """What Kedro makes of a command that a shell has split."""
    words = shlex.split(command)
    assert words[:2] == ["kedro", "run"]
    return kedro_run.make_context("run", words[2:]).params


def test_nothing_given_is_the_bare_command():
    assert Invocation().command == "kedro run"
    assert Invocation.of({"env": None, "pipeline_names": [], "runtime_params": {}, "tags": ()}) == Invocation()


def test_what_was_given_is_what_kedro_reads():
    run_params = {
        "env": "own",
        "pipeline_names": ["equity"],
        "namespaces": ("training.equity", "evaluation.equity"),
        "from_nodes": ["training.equity.make_folds"],
        "runner": "SequentialRunner",
        "runtime_params": {
            "bars": "/data/some bars.csv",
            "benchmark": "b.csv",
            "signal": 0.0,
            "seed": 7,
            "equity": {
                "training": {"n_folds": 5, "horizon": None},
                "evaluation": {"promotion": {"leak_reviewed": True}},
            },
        },
    }
    command = Invocation.of(run_params).command
    assert command == (
        "kedro run --env own --pipelines=equity --namespaces=evaluation.equity,training.equity "
        "--from-nodes=training.equity.make_folds "
        '--params "bars=/data/some bars.csv,benchmark=b.csv,signal=0.0,seed=7,equity.training.n_folds=5,'
        'equity.training.horizon=null,equity.evaluation.promotion.leak_reviewed=true"'
    )
    found = read(command)
    assert found["env"] == "own"
    assert found["pipelines"] == ["equity"]
    assert set(found["namespaces"]) == {"training.equity", "evaluation.equity"}
    assert found["from_nodes"] == ["training.equity.make_folds"]
    assert found["params"] == run_params["runtime_params"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters=",{}[]"), max_size=12),
)


@given(params=st.dictionaries(st.sampled_from(["a", "b.c", "b.d"]), VALUES, min_size=1))
@example(params={"a": "0E0"})
def test_every_value_survives_shell_and_kedro(params):
    nested: dict = {}
    for name, value in params.items():
        *above, last = name.split(".")
        place = nested
        for part in above:
            place = place.setdefault(part, {})
        place[last] = value
    shown = Invocation(params=nested).command
    assert read(shown)["params"] == nested


@pytest.mark.parametrize("text", ["$HOME", 'a "quoted" word', "it's", "`ls`", "a\\b", "!1"])
def test_a_shell_changes_nothing(text):
    words = Invocation(params={"bars": text}).command.removeprefix("kedro run ")
    found = subprocess.run(["bash", "-c", f"printf '%s\n' {words}"], capture_output=True, text=True, check=True).stdout
    assert read(f"kedro run --params {shlex.quote(found.splitlines()[1])}")["params"] == {"bars": text}


def test_what_no_command_line_can_say_is_noted():
    given = {"seed": 1, "fx": {"evaluation": {"backtest": {"masked_hours_utc": [21, 22]}}}}
    assert Invocation(params=given).command == (
        'kedro run --params "seed=1"\n'
        "# and in conf/local/parameters.yml: fx.evaluation.backtest.masked_hours_utc: [21, 22]"
    )


def test_secrets_do_not_go_into_a_report():
    command = Invocation(params={"api_key": "s3cr3t", "url": "https://u:s3cr3t@host/x"}).command
    assert "s3cr3t" not in command
    assert command.count(HIDDEN) == 2


def test_the_options_are_kedros():
    known = {option.lstrip("-") for each in kedro_run.params if isinstance(each, click.Option) for option in each.opts}
    everything = {
        name: ["x"]
        for name in ("pipeline_names", "namespaces", "tags", "node_names", "from_nodes", "to_nodes", "from_inputs")
    } | {"to_outputs": ["x"]}
    assert set(Invocation.of(everything).options) <= known
    assert len(Invocation.of(everything).options) == 8
