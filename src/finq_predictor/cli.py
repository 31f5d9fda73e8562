"""Commands of the project, as ``finq COMMAND`` and as ``kedro COMMAND``.

Every command imports what it needs when it runs, so that ``kedro --help`` stays quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.serving.answers import Answer, Served

ROOT_OPTION = click.option(
    "--root", type=click.Path(path_type=Path), default=Path("data"), show_default=True, help="Folder of the data."
)
MARKET_OPTION = click.option("--market", type=click.Choice(sorted(MARKETS)), help="Only this market.")


@click.group()
def cli() -> None:
    """Predictions that can be trusted from the notebook to the API."""


@cli.command()
@click.argument("instruments", nargs=-1)
@ROOT_OPTION
@MARKET_OPTION
def predict(instruments: tuple[str, ...], root: Path, market: str | None) -> None:
    """Show today's prediction for INSTRUMENTS, or for the most confident one of each market."""
    served = _served(root, market)
    wanted = [(one, name) for name in instruments for one in served if one.find(name)]
    unknown = [name for name in instruments if not any(one.find(name) for one in served)]
    if unknown:
        _fail(_unknown(unknown[0], served))
    for one, name in wanted:
        click.echo(_sentence(one.answers(one.predictor.newest)[one.instrument(name)]))
    if not instruments:
        for one in served:
            click.echo(_sentence(_most_confident(one.answers(one.predictor.newest))))
        click.echo(_next_commands(root, served))


@cli.command()
@ROOT_OPTION
@MARKET_OPTION
@click.option("--times", default=5, show_default=True, help="Sampled times at which features are recomputed.")
@click.option("--seed", default=0, show_default=True, help="Which times are sampled.")
def audit(root: Path, market: str | None, times: int, seed: int) -> None:
    """Recompute every feature from data cut at sampled times; a feature that looks ahead is named and fails."""
    from finq_predictor.look_ahead import audit_market

    audits = [audit_market(root, MARKETS[name], times=times, seed=seed) for name in _present(root, market)]
    for one in audits:
        for kind, names in (("looks ahead", one.leaking), ("needs more bars than it declares", one.short)):
            for name in names:
                click.echo(f"{one.market}: {name} {kind}")
        if one.clean:
            click.echo(
                f"{one.market}: none of {one.features} features looks ahead and every declared lookback suffices "
                f"(recomputed at {len(one.times)} times)."
            )
    if not all(one.clean for one in audits):
        sys.exit(1)


@cli.command()
@click.option("--target", type=click.Path(path_type=Path), default=Path("docs/reference"), show_default=True)
def docs(target: Path) -> None:
    """Write the reference pages that are generated from the code."""
    from finq_predictor.reference_pages import write_pages

    for page in write_pages(target):
        click.echo(f"wrote {page}")


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
        _fail("\n".join(problems))
    return served


def _present(root: Path, market: str | None) -> list[str]:
    names = [market] if market else [name for name in sorted(MARKETS) if (root / "02_silver" / name).is_dir()]
    if not names:
        _fail(f"No silver data below {root}; run `make run` or give --root.")
    return names


def _unknown(name: str, served: list[Served]) -> str:
    from finq_predictor.domain.errors import UnknownNameError

    known = [instrument for one in served for instrument in one.predictor.panel.instruments]
    return str(UnknownNameError("instrument", name, known))


def _most_confident(answers: dict[str, Answer]) -> Answer:
    return max(answers.values(), key=lambda answer: (answer["confidence"] or 0.0, answer["instrument"]))


def _sentence(answer: Answer) -> str:
    model = answer["model"]
    marks = ", ".join(
        word for word, holds in (("SIMULATED", answer["simulated"]), ("PROVISIONAL", model["provisional"])) if holds
    )
    origin = f"{model['name']} version {model['version']} ({model['status']})"
    if answer["probability"] is None:
        verdict = f"withheld: {answer['reason']}"
    else:
        verdict = (
            f"{answer['direction']}, probability {answer['probability']:.3f}, confidence {answer['confidence']:.3f}"
        )
    return f"{answer['question']}\n    {verdict}\n    by {origin} from the bar of {answer['feature_ts']}" + (
        f"  [{marks}]" if marks else ""
    )


def _next_commands(root: Path, served: list[Served]) -> str:
    name = served[0].predictor.panel.instruments[0]
    suffix = "" if root == Path("data") else f" ROOT={root}"
    reports = "\n".join(f"    {root}/06_reports/{one.market.name}/report.html" for one in served)
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


def _fail(message: str) -> None:
    raise click.ClickException(message)


def main() -> None:
    """Run a command; errors of the product are shown as one message, without a traceback."""
    try:
        cli(standalone_mode=True)
    except FinqError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
