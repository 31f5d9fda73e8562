"""The jobs of a project as its schedule has them; the same lines make the DAGs of Airflow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError, closest
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.scheduling.cron import CronTimes, time_zone

# Runs are named after their job, and folders after runs.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")
_YEAR_MINUTES = 366 * 24 * 60
DEFAULT, POOLS = "default", "pools"
"""Blocks of the file that are no jobs: what holds where the others say nothing, and the pools."""
_OF_MARKET = re.compile(r"(?P<market>[^.]+)\.bronze_(?P<table>.+)")


class CatchUp(StrEnum):
    """What becomes of times that passed while nobody could keep them, or while the job before still ran."""

    SKIP = "skip"
    ONCE = "once"
    EVERY = "every"


class Job(BaseModel):
    """One job: a block of the file over its block ``default``.

    Attributes:
        dag_id: Its name in Airflow.
        description: What it does, one sentence.
        owner: Who answers for it.
        tags: Words to find it by.
        start_date: Year, month and day before which Airflow has no run of it.
        timezone: The zone whose clocks ``schedule`` means.
        schedule: Cron expression; None where it is only triggered, or run by hand.
        makes: Datasets that a success of it has made anew, by which others are triggered.
        triggered_by: Datasets; it runs after the success of a job that makes one of them.
        waits_for: Tables of bronze, such as ``fx.bronze_bars``, that have to be fresh before it begins.
        fresh_minutes: They are, if their source was asked and answered so many minutes ago or less.
        wait_minutes: So long it waits for that; then it has failed.
        pool: Of the jobs of one pool, only so many run at once as it has places; None where all may.
        retrains: Market whose open request for training starts it early; None where none does.
        catch_up: What becomes of missed times: ``skip`` them, run ``once`` for all of them, or ``every`` one.
        retries: How often it is tried again.
        retry_delay_minutes: Minutes before the first retry; each one later waits twice as long.
        max_retry_delay_minutes: Longest wait.
        timeout_minutes: After so many minutes a try is ended.
        command: Words of what is run; None runs the pipeline of the name of the job.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dag_id: str | None = None
    description: str = ""
    owner: str = "finq"
    tags: tuple[str, ...] = ()
    start_date: tuple[int, int, int] = (2025, 1, 1)
    timezone: str = "UTC"
    schedule: str | None = None
    makes: tuple[str, ...] = ()
    triggered_by: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    fresh_minutes: float = Field(default=30, gt=0, le=_YEAR_MINUTES)
    wait_minutes: float = Field(default=30, ge=0, le=_YEAR_MINUTES)
    pool: str | None = None
    retrains: str | None = None
    catch_up: CatchUp = CatchUp.ONCE
    retries: int = Field(default=3, ge=0, le=1000)
    retry_delay_minutes: float = Field(default=5, ge=0, le=_YEAR_MINUTES)
    max_retry_delay_minutes: float = Field(default=60, ge=0, le=_YEAR_MINUTES)
    timeout_minutes: float = Field(default=60, gt=0, le=_YEAR_MINUTES)
    command: tuple[str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        time_zone(self.timezone)
        _ = self.times
        if self.retrains is not None and self.retrains not in MARKETS:
            raise UnknownNameError("market", self.retrains, MARKETS)
        for dataset in self.waits_for:
            _is_bronze(dataset)
        return self

    @cached_property
    def times(self) -> CronTimes | None:
        """When it is due; None where no time is."""
        return None if self.schedule is None else CronTimes(self.schedule, self.timezone)

    @property
    def timeout(self) -> timedelta:
        """How long a try may take."""
        return timedelta(minutes=self.timeout_minutes)

    @property
    def fresh(self) -> timedelta:
        """How old what it waits for may be."""
        return timedelta(minutes=self.fresh_minutes)

    @property
    def longest_wait(self) -> timedelta:
        """How long it waits for that."""
        return timedelta(minutes=self.wait_minutes)

    def retry_delay(self, tried: int) -> timedelta:
        """How long to wait before the next try.

        Args:
            tried: How often it was tried, from 1.
        """
        # Far beyond any wait, and a power that a number can hold.
        doubled = self.retry_delay_minutes * 2.0 ** min(tried - 1, 60)
        return timedelta(minutes=min(doubled, self.max_retry_delay_minutes))


class Schedule(Mapping[str, Job]):
    """All jobs by name.

    Args:
        jobs: The jobs.
        pools: Pools by name, with the number of their places.

    Raises:
        UnknownNameError: If one is triggered by what no job makes, or its pool does not exist.
        ConfigurationError: If jobs trigger each other in a circle.
    """

    def __init__(self, jobs: Mapping[str, Job], pools: Mapping[str, int] | None = None) -> None:
        self._jobs, self.pools = dict(jobs), dict(pools or {})
        made = {dataset for job in self._jobs.values() for dataset in job.makes}
        for job in self._jobs.values():
            for dataset in job.triggered_by:
                if dataset not in made:
                    raise UnknownNameError("dataset in triggered_by, which a job makes", dataset, made)
            if job.pool is not None and job.pool not in self.pools:
                raise UnknownNameError("pool", job.pool, self.pools)
        try:
            TopologicalSorter({name: self.triggered_by(name) for name in self._jobs}).prepare()
        except CycleError as error:
            circle = " after ".join(map(str, reversed(error.args[1])))
            raise ConfigurationError(
                f"The jobs would run for ever, {circle}; take one of them out of triggered_by."
            ) from error

    @classmethod
    def of(cls, blocks: Mapping[str, Mapping[str, Any]]) -> Schedule:
        """Read the blocks of the file.

        Args:
            blocks: Block by name; that of the name ``default`` holds where the others say nothing, ``pools`` has the
                places of each pool.

        Raises:
            ConfigurationError: If a block has an unknown key or a value that cannot be; names block and key.
            UnknownNameError: If a name in a block does not exist.
        """
        defaults = _block(DEFAULT, blocks.get(DEFAULT))
        jobs = {name: _block(name, block) for name, block in blocks.items() if name not in (DEFAULT, POOLS)}
        return cls({name: _job(name, {**defaults, **block}) for name, block in jobs.items()}, _pools(blocks))

    def __getitem__(self, name: str) -> Job:
        """A job.

        Raises:
            UnknownNameError: If there is none of this name.
        """
        if name not in self._jobs:
            raise UnknownNameError("job", name, self._jobs)
        return self._jobs[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a job of this name."""
        return name in self._jobs

    def __iter__(self) -> Iterator[str]:
        """The names, as in the file."""
        return iter(self._jobs)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._jobs)

    def triggered_by(self, name: str) -> tuple[str, ...]:
        """The jobs that run after a success of one."""
        made = set(self[name].makes)
        return tuple(other for other, job in self._jobs.items() if made.intersection(job.triggered_by))

    def following(self, name: str) -> frozenset[str]:
        """A job, and all that its success leads to."""
        found = {name}
        while more := {later for one in found for later in self.triggered_by(one)} - found:
            found |= more
        return frozenset(found)

    def coming(self, start: datetime, end: datetime) -> list[tuple[datetime, str]]:
        """Every time that is due after ``start``, up to and with ``end``: UTC and the name of the job, in order."""
        return sorted(
            (moment, name)
            for name, job in self._jobs.items()
            if job.times is not None
            for moment in job.times.between(start, end)
        )


def _block(name: object, block: object) -> Mapping[str, Any]:
    """What a block says; an empty one says nothing."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"The schedule has a job called {name!r}; expected letters, digits, _ and -, such as nightly_copy."
        )
    if block is not None and not isinstance(block, Mapping):
        raise ConfigurationError(
            f"The job {name!r} of the schedule cannot be read: given {block!r}; expected keys and values, such as "
            "schedule: '@daily'."
        )
    return block or {}


def _is_bronze(dataset: str) -> None:
    """Raises where no market has this table, or it is none of bronze."""
    found = _OF_MARKET.fullmatch(dataset)
    if found is None:
        raise ConfigurationError(
            f"The job cannot wait for {dataset!r}; expected MARKET.bronze_TABLE, such as fx.bronze_bars."
        )
    market = MARKETS[found["market"]]
    if found["table"] not in market.source_tables:
        raise UnknownNameError(f"table of {market.name}", found["table"], market.source_tables)


def _pools(blocks: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    pools = dict(_block(POOLS, blocks.get(POOLS)))
    for name, places in pools.items():
        if not isinstance(places, int) or isinstance(places, bool) or places < 1:
            raise ConfigurationError(f"The pool {name!r} has {places!r} places; expected a number, 1 or more.")
    return pools


def _job(name: str, given: Mapping[str, Any]) -> Job:
    try:
        return Job.model_validate(given)
    except ValidationError as error:
        problems = "; ".join(map(_problem, error.errors()))
    except (ConfigurationError, UnknownNameError) as error:
        problems = str(error)
    raise ConfigurationError(f"The job {name!r} of the schedule cannot be read: {problems}")


def _problem(one: Any) -> str:
    key = ".".join(map(str, one["loc"])) or "the block"
    if one["type"] == "extra_forbidden":
        return f"{key}: this key is not known. {closest(key, Job.model_fields)}"
    expected = "expected a list" if one["type"] == "tuple_type" else one["msg"]
    return f"{key}: {expected}, given {one['input']!r}."
