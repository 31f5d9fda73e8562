"""The list of mutants fits the source, and what it says is true of two of them; ``make mutants`` tries them all."""

from __future__ import annotations

import ast

import pytest
from run import LIST, PROJECT, Mutant, MutantError, main, read_mutants, source_of

MUTANTS = read_mutants()
QUICK = ("a-tie-is-down", "a-falling-calibration")
SIGHTED = Mutant("sighted", "domain/labels.py", "horizon < 1", "horizon < 0", ("tests/domain/test_labels.py",))


def test_the_list_has_a_mistake_of_every_kind_that_was_ever_missed():
    assert len(MUTANTS) >= 25
    wanted = {
        "standardised-over-the-history",
        "gold-standardised-over-the-history",
        "a-missing-volume-from-the-next-bar",
        "scaler-fitted-on-train-and-test",
    }
    assert wanted <= {mutant.name for mutant in MUTANTS if not mutant.survives}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mistake_can_be_made_and_names_tests_that_exist(mutant):
    assert mutant.applied(source_of(mutant)) != source_of(mutant)
    assert mutant.killed_by
    for node in mutant.killed_by:
        file, _, name = node.partition("::")
        tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
        named = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))
        tests = {each.name for each in named if each.name.startswith("test_")}
        assert name.partition("[")[0] in tests if name else tests, node


def test_each_mistake_stands_on_a_line_of_its_own():
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line.startswith("  {")]
    assert len(lines) == len(MUTANTS)
    assert all(line.endswith("},") for line in lines)


def test_a_text_that_has_moved_on_and_a_mistake_that_is_no_python_are_refused():
    with pytest.raises(MutantError, match=r"stands 0 times in domain/labels\.py"):
        SIGHTED.applied("nothing of it")
    with pytest.raises(MutantError, match="stands 2 times"):
        SIGHTED.applied("horizon < 1\nhorizon < 1")
    with pytest.raises(MutantError, match="in line 1 of the mutated"):
        Mutant("broken", "domain/labels.py", "1", ")", ()).applied("horizon < 1")


def test_a_name_is_given_once(tmp_path):
    line = '{name = "twice", file = "domain/labels.py", old = "a", new = "b", killed_by = ["tests"]},\n'
    path = tmp_path / "mutants.toml"
    path.write_text(f"mutants = [\n{line}{line}]\n")
    with pytest.raises(MutantError, match="Two mutants are called twice"):
        read_mutants(path)


def test_the_list_can_be_read(capsys):
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{mutant.name}: {mutant.file}" for mutant in MUTANTS]
    with pytest.raises(SystemExit):
        main(["--only", "nobody"])


@pytest.mark.slow
def test_two_mistakes_are_noticed_by_the_tests_they_name(capsys):
    assert main([word for name in QUICK for word in ("--only", name)]) == 0
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if " | " in line]
    killers = {name.strip(): killer for name, killer, _ in lines[2:]}
    assert killers == {
        "a-tie-is-down": "tests/domain/test_labels.py::test_fx_enters_at_the_close_of_the_decision",
        "a-falling-calibration": killers["a-falling-calibration"],
    }
    assert killers["a-falling-calibration"].startswith("tests/domain/modelling/test_calibration.py::")


@pytest.mark.slow
def test_a_mistake_that_survives_is_reported(monkeypatch, capsys):
    blind = Mutant("blind", SIGHTED.file, SIGHTED.old, "horizon < -7", ("tests/domain/tables/test_schema.py",))
    monkeypatch.setattr("run.read_mutants", lambda: (blind,))
    assert main([]) == 1
    assert "SURVIVES" in capsys.readouterr().out
