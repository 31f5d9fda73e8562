from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.cli.project import run as kedro_run

from finq_predictor import cli as package
from finq_predictor.cli import cli, finq
from finq_predictor.cli.docs import docs_of
from finq_predictor.cli.reference_pages import pages
from finq_predictor.domain.errors import StoreError

COMMANDS = (
    *(
        "alarms",
        "approve",
        "audit",
        "auth",
        "backup",
        "challenger",
        "champion",
        "dashboards",
        "data",
        "db",
        "docs",
        "experiment",
        "features",
        "init",
        "notify",
        "portfolio",
        "predict",
        "replay",
        "reproduce",
        "restore",
    ),
    *("retrain", "rollback", "schedule", "score", "score-card", "served", "study", "verify-log"),
)


def test_finq_and_kedro_have_the_same_commands(project_path):
    assert sorted(cli.commands) == list(COMMANDS)
    kedro = KedroCLI(project_path)
    assert set(COMMANDS) <= set(kedro.list_commands(click.Context(kedro)))


def test_the_page_of_commands_lists_the_group_it_is_given(tmp_path):
    @click.group()
    def toys() -> None:
        """Toys."""

    toys.add_command(docs_of(toys))
    toys.add_command(click.Command("late", help="Added after the others."))
    done = CliRunner().invoke(toys, ["docs", "--target", str(tmp_path / "pages")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "pages" / "commands.md").read_text()
    assert "| `finq late` | Added after the others. |" in page
    assert "`finq predict`" not in page
    assert done.output.count("wrote") == len(pages(toys))


@pytest.mark.parametrize(("command", "missing"), [("predict", "equity"), ("audit", "No silver data below")])
def test_an_empty_folder_is_answered_with_what_to_do(tmp_path, command, missing):
    done = CliRunner().invoke(cli, [command, "--root", str(tmp_path)])
    assert done.exit_code == 1
    assert missing in done.output
    assert "make run" in done.output or "kedro run" in done.output


def test_an_error_of_the_product_is_one_message(monkeypatch, capsys):
    def broken(*given: object) -> None:
        raise StoreError("No champion there; run training first.")

    monkeypatch.setattr(package.predict, "_served", broken)
    monkeypatch.setattr("sys.argv", ["finq", "predict"])
    with pytest.raises(SystemExit) as ended:
        package.main()
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert shown.err == "Error: No champion there; run training first.\n"
    assert not shown.out


def test_kedro_runs_by_the_products_own_command(project_path):
    kedro = KedroCLI(project_path)
    context = click.Context(kedro)
    run = kedro.get_command(context, "run")
    theirs = {each.name for each in kedro_run.params}
    assert {each.name for each in run.params} == theirs | {"log_level"}, "all of Kedro's options and one more"
    assert "run" not in finq.commands
    assert cli.list_commands(context) == sorted([*COMMANDS, "run"])
