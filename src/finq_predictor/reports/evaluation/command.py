"""The command that gives the figures of a report again."""

from __future__ import annotations

from finq_predictor.reports.evaluation.results import EvaluationResults


def reproducing_command(results: EvaluationResults) -> str:
    """What to type, one command a line: the commit to go to, where it is known, and the run as it was started."""
    commit = results.bundle.origin.git_commit
    checkout = f"git checkout {commit[:12]}\n" if commit else ""
    return checkout + results.invocation.command


def from_stored(snapshot: str, market: str) -> str:
    """What to type to make the figures again from what is stored, and compare; empty where no snapshot holds it."""
    return f"finq reproduce {snapshot} --market {market}" if snapshot else ""
