"""The command that gives the figures of a report again."""

from __future__ import annotations

from finq_predictor.reports.evaluation.results import EvaluationResults


def reproducing_command(results: EvaluationResults) -> str:
    """What to type, one command a line: the commit to go to, where it is known, and the run."""
    market, command = results.market, results.terms.command
    commit = results.bundle.origin.git_commit
    checkout = f"git checkout {commit[:12]}\n" if commit else ""
    # The base configuration names the simulator's knobs; an overlay for other data names its own environment.
    if results.trained.provenance.simulated or "--env" in command:
        return f"{checkout}{command or f'kedro run --pipelines={market.name}'}"
    files = "# the files whose hashes are shown above"
    given = ",".join(f"{market.file_parameter(table)}=FILE" for table in market.required_tables)
    return f'{checkout}kedro run --env own --pipelines={market.name} --params "{given}"   {files}'
