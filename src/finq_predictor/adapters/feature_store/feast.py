"""Feast behind the same questions: what it leaves out is joined on again, and what is too old it does not tell.

Feast wants an older pandas than the project and lives in an environment of its own, in a process that is asked over its
standard input. Its answers are held to the ages of the views: online it tells values of any age as present, and of the
past it drops rows that it finds too old.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd

from finq_predictor.adapters.environment.reading import given
from finq_predictor.adapters.feature_store.feast_repository import BAR, CONNECTION, EVENT, Exported
from finq_predictor.adapters.feature_store.reading import Online
from finq_predictor.domain.arrays import Array, Positions
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.features.history import AGE, BAR_TS, History
from finq_predictor.domain.features.views import judge, limits_of, require_features, views_of
from finq_predictor.domain.market.markets import get_market

_SAID = "RESULT"
_PLACE = "asked_at_row"
_NONE = np.iinfo(np.int64).min  # what NumPy holds for a time that is missing
_NOT_FOUND = 3
"""What Feast calls a row that it does not hold."""


class Feast:
    """A process of Feast on one repository.

    Args:
        repository: Folder that :func:`~finq_predictor.adapters.feature_store.feast_repository.write_repository` wrote.
        exported: What it returned.
        python: Interpreter of the environment in which Feast is installed.
        program: ``deploy/feast/store.py``.
        redis: Address of the Redis of Feast's online store; never shown.

    Raises:
        StoreError: If it cannot be started.
    """

    def __init__(
        self, repository: Path, exported: Collection[Exported], python: Path, program: Path, redis: str | None = None
    ) -> None:
        self._sets = {one.market: one.feature_set for one in exported}
        variables = {**given(), "FEAST_USAGE": "False"}
        variables.pop("PYTHONPATH", None)
        if redis is not None:
            variables[CONNECTION] = _as_feast_writes(redis)
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the process, and is closed with it
        try:
            self._process = subprocess.Popen(
                [python, program, str(repository)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=variables,
                cwd=repository,
                text=True,
            )
        except OSError as error:
            self._log.close()
            raise StoreError(f"Feast cannot be started: {error}. Install it: make .venv-feast/.ready") from error

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)
        self._log.close()

    def apply(self) -> list[str]:
        """Let Feast's registry be what the repository says; gives the names of its views."""
        found: list[str] = self._ask("apply")
        return found

    def materialise(self, market: str, until: pd.Timestamp, since: pd.Timestamp | None = None) -> None:
        """Bring Feast's online store up to a moment.

        Args:
            market: Name of the market.
            until: The moment.
            since: From which moment on; None is what is new since the last time.
        """
        views = [view.full_name for view in views_of(self._sets[market])]
        self._ask(
            "materialize", views=views, until=until.isoformat(), since=None if since is None else since.isoformat()
        )

    def historical(self, market: str, entities: pd.DataFrame, features: Collection[str] | None = None) -> History:
        """As :meth:`FeatureStore.historical`, out of Feast: every row that is asked for comes back.

        Args:
            market: Name of the market.
            entities: ``instrument, ts`` (UTC) and whatever else.
            features: Which features; None is all of them.
        """
        feature_set = self._sets[market]
        names = require_features(feature_set, features)
        asked = pd.DataFrame(
            {INSTRUMENT: entities[INSTRUMENT].astype("str").to_numpy(), EVENT: entities[TS].to_numpy()}
        )
        asked[EVENT] = pd.DatetimeIndex(entities[TS]).as_unit("us")
        # Feast answers equal rows once, and those that it finds too old not at all.
        which, distinct = pd.factorize(pd.MultiIndex.from_frame(asked))
        unique = distinct.to_frame(index=False, name=[INSTRUMENT, EVENT]).assign(**{_PLACE: np.arange(len(distinct))})
        bar = f"{views_of(feature_set)[0].full_name}:{BAR}"
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "entities.parquet", Path(folder) / "found.parquet"
            unique.to_parquet(source, index=False)
            words = [bar, *self._full(market, names)]
            self._ask("historical", entities=str(source), features=words, target=str(target))
            found = pd.read_parquet(target).set_index(_PLACE).reindex(which)
        columns = [_column(word) for word in words]
        bars = found[columns[0]].fillna(_NONE).to_numpy(dtype=np.int64)
        values = found[columns[1:]].to_numpy(dtype=np.float64)
        age = self._age(market, bars, pd.DatetimeIndex(asked[EVENT]).asi8)
        told, codes = judge(values, bars != _NONE, age, limits_of(feature_set, names))
        table = pd.DataFrame(told.astype(np.float32), columns=pd.Index(names, dtype="str"), index=entities.index)
        closes = pd.DatetimeIndex(bars.view("datetime64[us]"), tz="UTC")
        beside = entities.assign(**{BAR_TS: closes, AGE: age})
        return History(pd.concat([beside, table], axis=1), names, codes)

    def online(
        self, market: str, instruments: Sequence[str], features: Collection[str] | None = None, *, now: pd.Timestamp
    ) -> Online:
        """As :meth:`FeatureStore.online`, out of Feast: what is too old is withheld, whatever Feast says of it.

        Args:
            market: Name of the market.
            instruments: Whose values.
            features: Which features; None is all of them.
            now: The moment against which age is measured.
        """
        feature_set = self._sets[market]
        names = require_features(feature_set, features)
        told = self._ask("online", instruments=list(instruments), features=self._full(market, names))
        columns = [told[_column(name)] for name in self._full(market, names)]
        values = np.array([[np.nan if one is None else one for one in column["values"]] for column in columns]).T
        times = np.array([column["times"] for column in columns]).T
        # Of an instrument that it does not know one of its stores says that it is too old, as of 1970.
        absent = (np.array([column["statuses"] for column in columns]).T == _NOT_FOUND) | (times <= 0)
        bars = np.where(absent, _NONE, times).max(axis=1)
        found = bars != _NONE
        age = self._age(market, bars, np.full(len(bars), pd.Timestamp(now).value // 1000))
        bars = np.where(found, bars, -1)
        safe, codes = judge(values, found, age, limits_of(feature_set, names))
        return Online(market, tuple(instruments), names, safe, codes, bars, age)

    def took(self, market: str, instruments: Sequence[str], features: Collection[str], times: int) -> list[float]:
        """Seconds that Feast itself takes for each of many equal online questions."""
        names = require_features(self._sets[market], features)
        found: list[float] = self._ask(
            "timed", instruments=list(instruments), features=self._full(market, names), times=times
        )
        return found

    def _age(self, market: str, bars: Positions, asked: Positions) -> Array:
        """Open hours from each bar to the moment that was asked for; NaN where there is no bar."""
        age, here = np.full(len(bars), np.nan), bars != _NONE
        if here.any():
            first, last = (pd.Timestamp(int(one), unit="us", tz="UTC") for one in (bars[here].min(), asked.max()))
            age[here] = get_market(market).sessions.open_time(first, last).hours(bars[here], asked[here])
        return age

    def _full(self, market: str, names: Sequence[str]) -> list[str]:
        of = {name: view.full_name for view in views_of(self._sets[market]) for name in view.features}
        return [f"{of[name]}:{name}" for name in names]

    def _ask(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise StoreError(f"Feast has ended: {self._last_words()}") from None
        for line in self._process.stdout:
            if line.startswith(_SAID):
                answer = json.loads(line.removeprefix(_SAID))
                if "failed" in answer:
                    raise StoreError(f"Feast could not {do}: {answer['failed']}")
                return answer["done"]
        raise StoreError(f"Feast has ended: {self._last_words()}")

    def _last_words(self) -> str:
        self._process.wait(30)
        self._log.seek(0)
        return " ".join(self._log.read()[-600:].split())


def _column(word: str) -> str:
    """A feature of a view as Feast calls its column."""
    return word.replace(":", "__")


def _as_feast_writes(url: str) -> str:
    """The address of a Redis in Feast's own words: ``host:port,password=...,db=0``."""
    parts = urlsplit(url)
    words = [f"{parts.hostname}:{parts.port or 6379}"]
    if parts.username:
        words.append(f"username={unquote(parts.username)}")
    if parts.password:
        words.append(f"password={unquote(parts.password)}")
    if parts.scheme == "rediss":
        words.append("ssl=true")
    return ",".join([*words, f"db={parts.path.strip('/') or 0}"])
