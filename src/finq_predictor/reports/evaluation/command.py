"""The command that gives the figures of a report again."""

from __future__ import annotations

from finq_predictor.reports.evaluation.results import EvaluationResults


def reproducing_command(results: EvaluationResults) -> str:
    """What to type, one command a line: the commit to go to, where it is known, and the run as it was started."""
    commit = results.bundle.origin.git_commit
    checkout = f"git checkout {commit[:12]}\n" if commit else ""
    return checkout + results.invocation.command
