"""Commands of the project, as ``finq COMMAND`` and as ``kedro COMMAND``.

Every command imports what it needs when it runs, so that ``kedro --help`` stays quick.
"""

from __future__ import annotations

import click

from finq_predictor.cli import (
    alarms,
    audit,
    auth,
    backup,
    challenger,
    champion,
    dashboards,
    data,
    database,
    docs,
    features,
    init,
    notify,
    portfolio,
    predict,
    replay,
    reproduce,
    retrain,
    schedule,
    score,
    served,
    study,
)
from finq_predictor.cli.failures import reporting
from finq_predictor.cli.options import log_level_option
from finq_predictor.switches import set_switches

set_switches()


class _KedroGroup(click.Group):
    """What Kedro finds: the commands of the product, and its ``run`` in place of Kedro's own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted([*super().list_commands(ctx), "run"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command; ``run`` is made of Kedro's when it is asked for."""
        if cmd_name != "run":
            return super().get_command(ctx, cmd_name)
        from finq_predictor.cli.run import run

        return reporting(run)


@click.group()
@log_level_option
def finq(log_level: str) -> None:
    """Predictions that can be trusted from the notebook to the API."""


_COMMANDS = (
    *(init.init, predict.predict, portfolio.portfolio, score.score, audit.audit, replay.replay, reproduce.reproduce),
    *(data.data, backup.backup, backup.restore, database.db, auth.auth),
    *(alarms.alarms, notify.notify, dashboards.dashboards, features.features),
    *(schedule.schedule, retrain.retrain, study.study),
    *(champion.champion, champion.approve, champion.rollback, champion.verify_log),
    *(served.served, served.score_card, challenger.challenger, challenger.experiment),
)
for _command in (*_COMMANDS, docs.docs_of(finq)):
    finq.add_command(reporting(_command))
cli = _KedroGroup("finq_predictor", commands=finq.commands, help=finq.help)


def main() -> None:
    """Run a command; errors of the product are shown as one message, without a traceback."""
    finq()
