"""The times of a cron expression in a time zone, as the timetables of Airflow have them, also where clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from finq_predictor.domain.errors import ConfigurationError

_FIELDS = 5


class CronTimes:
    """The times at which something is due.

    On the day on which clocks go forward, a time that is left out is due an hour later by the clock; on the day on
    which they go back, a time that comes twice is due when it comes again. What is due in every hour of the day goes on
    by the hours that pass, and is due in both of the two.

    Args:
        expression: Minute, hour, day of the month, month and day of the week (0 or 7 is Sunday), or a word such as
            ``@daily``.
        zone: Name of the time zone whose clocks are meant, such as ``"America/New_York"``.

    Raises:
        ConfigurationError: If the expression or the zone does not exist, or no time fits.
    """

    def __init__(self, expression: str, zone: str) -> None:
        self.expression, self.zone = expression, time_zone(zone)
        if not expression.startswith("@") and len(expression.split()) != _FIELDS:
            raise ConfigurationError(_unreadable(expression, f"it has {len(expression.split())} fields"))
        try:
            # Year 2000 has every day of the month that there can be.
            cron = croniter(expression, start_time=datetime(2000, 1, 1))
            cron.get_next(datetime)
        except (CroniterError, ValueError) as error:
            raise ConfigurationError(_unreadable(expression, str(error))) from error
        self._hourly = cron.expanded[1] == ["*"]

    def after(self, moment: datetime) -> datetime:
        """The first time after a moment.

        Args:
            moment: With a time zone.

        Returns:
            UTC.
        """
        clock = moment.astimezone(self.zone).replace(tzinfo=None, fold=0)
        due: datetime = croniter(self.expression, start_time=clock).get_next(datetime)
        if self._hourly:
            return moment.astimezone(UTC) + (due - clock)
        return _known_moment(due, self.zone)

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """The times after ``start``, up to and with ``end``, in order.

        Args:
            start: With a time zone.
            end: With a time zone.
        """
        moment = self.after(start)
        while moment <= end:
            yield moment
            moment = self.after(moment)


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        ConfigurationError: If there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"There is no time zone {name!r}; give a name of the IANA database, such as Asia/Singapore or UTC."
        ) from error


def _known_moment(clock: datetime, zone: tzinfo) -> datetime:
    """The moment at which clocks show a time: the second of two, and an hour later where it is left out."""
    before = clock.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    after = clock.replace(tzinfo=zone, fold=1).utcoffset() or timedelta()
    if after > before:
        clock += after - before
    return (clock - after).replace(tzinfo=UTC)


def _unreadable(expression: str, why: str) -> str:
    return (
        f"The schedule {expression!r} cannot be read: {why}. Expected five fields, minute, hour, day of the month, "
        "month and day of the week, such as '*/15 * * * *', or a word such as @daily."
    )
