from __future__ import annotations

import click
import pytest
from click.testing import CliRunner
from kedro.framework.cli.cli import KedroCLI

from finq_predictor import cli as package
from finq_predictor.cli import cli
from finq_predictor.cli.docs import docs_of
from finq_predictor.cli.reference_pages import pages
from finq_predictor.domain.errors import StoreError

COMMANDS = ("audit", "docs", "predict")


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
    def broken(*, standalone_mode: bool) -> None:
        raise StoreError("No champion there; run training first.")

    monkeypatch.setattr(package, "cli", broken)
    with pytest.raises(SystemExit) as ended:
        package.main()
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert shown.err == "Error: No champion there; run training first.\n"
    assert not shown.out
