from __future__ import annotations

import logging

import click
import pytest
from click.testing import CliRunner
from kedro.io import DatasetError
from kedro.validation import CheckFailure, DataValidationError, ParameterValidationError

from finq_predictor.cli.failures import explain, reporting
from finq_predictor.domain.errors import GateError, StoreError


def raised(error: Exception, cause: Exception | None = None, *notes: str) -> Exception:
    for note in notes:
        error.add_note(note)
    try:
        raise error from cause
    except Exception as caught:
        return caught


def test_an_error_of_the_product_says_itself_and_where_it_happened():
    assert explain(raised(GateError("bars: too few"), None, "Where: node a")) == "bars: too few\nWhere: node a"


def test_of_an_error_in_kedros_wrapping_the_innermost_speaks():
    wrapped = raised(DatasetError("Failed while loading"), raised(StoreError("no such file; run x")), "Where: node a")
    assert explain(raised(DatasetError("equity.gold: Failed"), wrapped)) == "no such file; run x\nWhere: node a"


def test_kedros_own_errors_speak_for_themselves():
    assert explain(raised(DatasetError("the source is read-only"))) == "the source is read-only"
    failures = [CheckFailure(message="3 values are missing", check="not_null", column="close")]
    assert "close" in str(explain(raised(DataValidationError("silver is not fit", failures=failures))))


def test_wrong_parameters_are_shown_with_where_to_read_about_them():
    text = "- Parameter 'fx.training': n_fold\n  Extra inputs\n    visit https://errors.pydantic.dev/2/v/extra"
    assert explain(raised(ParameterValidationError(text))) == (
        "- Parameter 'fx.training': n_fold\n  Extra inputs\n"
        "Every parameter with its type and default: docs/reference/parameters.md"
    )


@pytest.mark.parametrize("error", [KeyError("x"), raised(DatasetError("Failed while loading"), ZeroDivisionError())])
def test_a_defect_is_not_explained_away(error):
    assert explain(error) is None


def command(error: Exception) -> click.Command:
    def work() -> None:
        raise error

    return reporting(click.Command("work", callback=work))


def test_a_command_ends_with_one_message_and_exit_code_one():
    result = CliRunner().invoke(command(StoreError("nothing there; run x")))
    assert (result.exit_code, result.output) == (1, "Error: nothing there; run x\n")


def test_a_defect_keeps_its_traceback():
    result = CliRunner().invoke(command(ZeroDivisionError("by zero")))
    assert isinstance(result.exception, ZeroDivisionError)


def test_at_debug_level_every_error_keeps_its_traceback(caplog):
    caplog.set_level(logging.DEBUG, logger="finq_predictor")
    result = CliRunner().invoke(command(StoreError("nothing there")))
    assert isinstance(result.exception, StoreError)
