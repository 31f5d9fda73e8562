"""The command that shows predictions in a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import DEFAULT_ROOT, market_option, root_option
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.serving.answers import Answer, Served


@click.command()
@click.argument("instruments", nargs=-1)
@root_option
@market_option
def predict(instruments: tuple[str, ...], root: Path, market: str | None) -> None:
    """Show today's prediction for INSTRUMENTS, or for the most confident one of each market."""
    served = _served(root, market)
    wanted = [(one, name) for name in instruments for one in served if one.find(name)]
    unknown = [name for name in instruments if not any(one.find(name) for one in served)]
    if unknown:
        raise click.ClickException(_unknown(unknown[0], served))
    for one, name in wanted:
        click.echo(_sentence(_now(one)[one.instrument(name)]))
    if not instruments:
        for one in served:
            click.echo(_sentence(_most_confident(_now(one))))
        click.echo(_next_commands(root, served))


def _served(root: Path, market: str | None) -> list[Served]:
    from finq_predictor.serving.settings import Settings
    from finq_predictor.serving.store import load_market

    served, problems = [], []
    for name in [market] if market else sorted(MARKETS):
        try:
            served.append(load_market(Settings(data_root=root), MARKETS[name]))
        except StoreError as error:
            problems.append(str(error))
    if not served:
        raise click.ClickException("\n".join(problems))
    return served


def _now(one: Served) -> dict[str, Answer]:
    """The newest answers as they are given at this moment."""
    import pandas as pd

    clock = pd.Timestamp.now("UTC")
    answers = one.answers(one.predictor.newest)
    return {name: one.timed(answer, clock, current=True) for name, answer in answers.items()}


def _unknown(name: str, served: list[Served]) -> str:
    from finq_predictor.domain.errors import UnknownNameError

    known = [instrument for one in served for instrument in one.predictor.panel.instruments]
    return str(UnknownNameError("instrument", name, known))


def _most_confident(answers: dict[str, Answer]) -> Answer:
    return max(answers.values(), key=lambda answer: (answer["confidence"] or 0.0, answer["instrument"]))


def _sentence(answer: Answer) -> str:
    model = answer["model"]
    simulated = f"SIMULATED {answer['preset']}" if answer["preset"] else "SIMULATED"
    marks = ", ".join(
        word for word, holds in ((simulated, answer["simulated"]), ("PROVISIONAL", model["provisional"])) if holds
    )
    origin = f"{model['name']} version {model['version']} ({model['status']})"
    if answer["probability"] is None:
        verdict = f"withheld: {answer['reason']}"
    else:
        verdict = (
            f"{answer['direction']}, probability {answer['probability']:.3f}, confidence {answer['confidence']:.3f}"
        )
        if answer["reason"]:
            verdict += f"; do not act upon it, {answer['reason']}"
    return f"{answer['question']}\n    {verdict}\n    by {origin} from the bar of {answer['feature_ts']}" + (
        f"  [{marks}]" if marks else ""
    )


def _next_commands(root: Path, served: list[Served]) -> str:
    from finq_predictor.adapters.layout import Layout

    name = served[0].predictor.panel.instruments[0]
    suffix = "" if root == DEFAULT_ROOT else f" ROOT={root}"
    reports = "\n".join(f"    {Layout(root).report(one.market.name)}" for one in served)
    body = f'{{"instrument": "{name}"}}'
    return (
        f"\nReports to open in a browser:\n{reports}\n"
        "Next:\n"
        f"    .venv/bin/finq predict {name} --root {root}\n"
        f"    make serve{suffix}      then, elsewhere:\n"
        f"    curl -s -X POST http://127.0.0.1:8000/predict -H 'content-type: application/json' -d '{body}'\n"
        "    make viz        the lineage of every number\n"
        "    make lab        the notebooks"
    )
