"""Which of the times that have passed are run, by the rule of the job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from finq_predictor.domain.scheduling.jobs import CatchUp, Job

PUNCTUAL = timedelta(minutes=1)
"""A time that passed so long ago was not missed."""


@dataclass(frozen=True)
class Due:
    """What became due.

    Attributes:
        run: Times to run for, in order, UTC.
        skipped: Times that nothing runs for, in order, UTC.
    """

    run: tuple[datetime, ...] = ()
    skipped: tuple[datetime, ...] = ()

    @property
    def newest(self) -> datetime | None:
        """The last time that was dealt with; None where nothing is due."""
        return max((*self.run, *self.skipped), default=None)


def due(job: Job, seen: datetime, now: datetime) -> Due:
    """Choose among the times that passed since somebody last looked.

    Args:
        job: The job.
        seen: All times up to this one were dealt with.
        now: The time.

    Returns:
        Every time after ``seen`` up to ``now``, once, either to run for or skipped. One that passed less than
        ``PUNCTUAL`` ago is run by every rule, and stands for those before it where they are not run for.
    """
    times = tuple(job.times.between(seen, now)) if job.times is not None and seen < now else ()
    if not times or job.catch_up is CatchUp.EVERY:
        return Due(run=times)
    if job.catch_up is CatchUp.ONCE or now - times[-1] <= PUNCTUAL:
        return Due(run=times[-1:], skipped=times[:-1])
    return Due(skipped=times)
