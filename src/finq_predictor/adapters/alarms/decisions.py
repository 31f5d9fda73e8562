"""A decision about a champion, told by the channels of the team; failure to tell never undoes it."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from finq_predictor.adapters.alarms.looking import tell
from finq_predictor.adapters.alarms.settings import AlarmSettings, read_settings
from finq_predictor.domain.alarms.policy import Message, News
from finq_predictor.domain.alarms.rule import Audience
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.promotion.log import SHORT, Act, LogRecord

logger = logging.getLogger(__name__)


def worth_telling(record: LogRecord) -> bool:
    """Whether somebody has to hear of it: the champion changed, or a candidate waits, or was refused."""
    return record.changes_champion or record.act in (Act.AWAIT, Act.REFUSE, Act.BEGIN_ANEW)


def tell_decision(record: LogRecord, settings: AlarmSettings, **made_of: Any) -> tuple[str, ...]:
    """Tell the team of a decision, past limits and quiet hours: it is made seldom, and not made again.

    Args:
        record: As it was entered.
        settings: Who is told.
        made_of: What else channels are made of, see `Given`.

    Returns:
        What went wrong with channels; each of the others was told.
    """
    at = datetime.fromisoformat(record.at).timestamp()
    message = Message(News.DECISION, at, about=record.market, said=in_words(record))
    failed = []
    for name in settings.channels:
        if Audience.TEAM in settings.audiences_of(name):
            try:
                tell(name, settings, message, made_of)
            except FinqError as error:
                failed.append(f"{name}: {error}")
    return tuple(failed)


def tell_by_configuration(record: LogRecord, conf: Path, env: str | None) -> None:
    """Tell of a decision as the configuration says; what goes wrong is a warning in the log.

    Args:
        record: As it was entered.
        conf: Folder of the configuration.
        env: Environment whose ``alarms.yml`` lies above that of the base.
    """
    try:
        failed = tell_decision(record, read_settings(conf, env).with_given_channels())
    except FinqError as error:
        failed = (str(error),)
    for problem in failed:
        logger.warning("Somebody was not told of %r, which holds all the same: %s", record.sentence, problem)


def in_words(record: LogRecord) -> tuple[str, ...]:
    """A decision as a message says it: a title, then lines."""
    use = f"Version {record.in_use} is in use, {record.standing}." if record.in_use else "No model is in use."
    next_step = f"Approve it: finq approve {record.market} {record.about} --by NAME" if record.act is Act.AWAIT else ""
    who = f"By {record.approver or record.by}, record {record.number}, {record.hash[:SHORT]}, at {record.at}."
    return tuple(filter(None, [_title(record), record.reason, use, next_step, who]))


def _title(record: LogRecord) -> str:
    whose = f"{record.market}: "
    model = f"{record.candidate.model} version {record.about}" if record.candidate and record.about else ""
    titles = {
        Act.PROMOTE: f"{model} is promoted",
        Act.PROVISIONAL: f"{model} answers as a provisional champion",
        Act.REJECT: f"champion version {record.in_use} is {record.standing} from now on",
        Act.AWAIT: f"{model} waits for an approval",
        Act.APPROVE: f"{model} is approved and in use",
        Act.REFUSE: f"{model} is refused",
        Act.ROLL_BACK: f"rolled back to {model}",
        Act.BEGIN_ANEW: "the log of decisions was broken and begins anew",
    }
    return whose + titles[record.act]
