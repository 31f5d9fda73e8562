"""Tables are rectangles whose cells say how they are meant."""

from __future__ import annotations

import pytest

from finq_predictor.domain.errors import ReportError
from finq_predictor.reports.style import Tone
from finq_predictor.reports.tables import Cell, Look, Row, Table, plain_rows, yes_no


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(ReportError, match=r"A row has 1 cells below 2 headings \(Name, Value\)"):
        Table(["Name", "Value"], plain_rows([["a", "1"], ["b"]]))


def test_a_table_without_rows_is_a_table():
    assert Table(["Name"], []).rows == []


def test_yes_and_no_are_felt():
    assert yes_no(True) == Cell("yes", tone=Tone.GOOD)
    assert yes_no(False) == Cell("no", tone=Tone.BAD)


def test_plain_rows_do_not_stand_out():
    assert plain_rows([["a"]]) == [Row(["a"], Look.PLAIN)]
