"""Several providers for one table: the first that can answers, and every row says who did."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from finq_predictor.adapters.http import CallLog
from finq_predictor.adapters.http.credentials import MissingKeyError
from finq_predictor.adapters.sources.making import Credentials, make_source
from finq_predictor.adapters.sources.protocol import Part, WindowSource
from finq_predictor.domain.columns import ASKED_AS, SECOND_OPINION
from finq_predictor.domain.errors import ConfigurationError, SourceError, SourceUnavailableError, UnknownNameError
from finq_predictor.domain.ingestion.column_mapping import map_columns

logger = logging.getLogger(__name__)

_IDENTITY = {
    "bars": ("instrument", "time"),
    "benchmark": ("time",),
    "articles": ("instrument", "article_id"),
    "macro": ("series", "period", "known_at"),
}


class ChainSource:
    """Asks one provider after the other for what the ones before could not deliver.

    What different providers deliver is brought under our names of the columns, with the values as they are, because
    they lie in one table. A provider that needs a key which nobody gave is left out.

    Args:
        table: Which table they deliver.
        providers: Options of each, as in a catalog, in the order in which they are asked.
        second_opinion: How far back from the moment of a run the next provider is asked as well, to compare what the
            first one says with it, such as ``30D``; None asks nobody twice. Only bars are compared.
        opinions_on: The instruments for which it is; None takes all.
        credentials: Keys by provider.

    Raises:
        ConfigurationError: If none is left, or one does not deliver windows.
    """

    simulated = False

    def __init__(
        self,
        table: str,
        providers: Sequence[Mapping[str, Any]],
        second_opinion: str | None = None,
        opinions_on: Sequence[str] | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.table, self.identity = table, _IDENTITY[table]
        self.calls = CallLog()
        self.left_out: list[str] = []
        self._providers: list[WindowSource] = []
        for options in providers:
            try:
                made = make_source(options, credentials)
            except MissingKeyError as error:
                logger.info("%s is left out: %s", options["class"], error)
                self.left_out.append(str(error))
                continue
            if not isinstance(made, WindowSource):
                raise ConfigurationError(f"{options['class']} does not deliver windows of time, as a chain needs.")
            self._providers.append(made)
        if not self._providers:
            raise ConfigurationError(f"No provider of the {table} is left. {' '.join(self.left_out)}")
        instruments = tuple(dict.fromkeys(key for provider in self._providers for key in provider.keys))
        self._reach = None if second_opinion is None else _reach(second_opinion, table)
        self._opinions: dict[str, tuple[str, WindowSource]] = {}
        if self._reach is not None:
            self._opinions = dict(self._second(instruments if opinions_on is None else opinions_on))
        # What is asked twice is two keys: each has its own gaps.
        self.keys = (*instruments, *self._opinions)

    @property
    def source_id(self) -> str:
        """The table; who answered stands in the rows. It stays when a provider joins the chain."""
        return f"live-{self.table}"

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Ask for a window, see `WindowSource`.

        Raises:
            SourceError: If some of it could be had of nobody; names what each one said.
        """
        left: list[str] = [key for key in keys if key not in self._opinions]
        said: list[SourceError] = []
        silent: list[SourceError] = []
        # A history and what contradicts it are known together: whoever is to contradict speaks first.
        yield from self._second_opinions([key for key in keys if key in self._opinions], since, until, as_of, silent)
        for provider in self._providers:
            asked = [key for key in left if key in set(provider.keys)]
            if not asked:
                continue
            answered: set[str] = set()
            try:
                for part in provider.fetch(asked, since, until, as_of):
                    yield self._named(part, provider)
                    # Who has answered up to some moment goes on from there the next time, whoever it is then.
                    answered.update(part.keys)
            except SourceError as error:
                logger.warning("%s: %s", provider.source_id, error)
                said.append(error)
            finally:
                self._take_calls(provider)
            left = [key for key in left if key not in answered]
        # Who says nothing and has nothing had nothing to say about the window.
        if left and said:
            text = f"{len(left)} of {len(keys)} could be had of nobody: {', '.join(left[:5])}. "
            down = bool(said) and all(isinstance(error, SourceUnavailableError) for error in said)
            raise (SourceUnavailableError if down else SourceError)(text + " ".join(map(str, said)))
        if silent:
            raise SourceError(f"Not all second opinions could be had: {' '.join(map(str, silent))}")

    def _second(self, instruments: Sequence[str]) -> Iterator[tuple[str, tuple[str, WindowSource]]]:
        """The key of each second opinion, with the instrument and who is asked."""
        for name in instruments:
            able = [provider for provider in self._providers if name in set(provider.keys)]
            if len(able) > 1:
                yield f"{name} by {able[1].source_id}", (name, able[1])
        missing = [name for name in instruments if not any(name in set(one.keys) for one in self._providers)]
        if missing:
            raise UnknownNameError("instrument for a second opinion", missing[0], self._providers[0].keys)

    def _second_opinions(
        self,
        keys: Sequence[str],
        since: pd.Timestamp,
        until: pd.Timestamp,
        as_of: pd.Timestamp,
        silent: list[SourceError],
    ) -> Iterator[Part]:
        """Ask who is to contradict; that one of them is not there holds up nothing."""
        begin = since if self._reach is None else max(since, (as_of - self._reach).floor("D"))
        by_provider: dict[int, list[str]] = defaultdict(list)
        for key in keys if begin < until else ():
            by_provider[id(self._opinions[key][1])].append(key)
        for asked in by_provider.values():
            provider = self._opinions[asked[0]][1]
            named = {self._opinions[key][0]: key for key in asked}
            try:
                for part in provider.fetch(list(named), begin, until, as_of):
                    told = self._named(part, provider)
                    frame = told.frame.assign(**{ASKED_AS: SECOND_OPINION}) if len(told.frame) else told.frame
                    since_then = part.since if part.since is not None else begin
                    yield replace(told, frame=frame, keys=tuple(named[key] for key in part.keys), since=since_then)
            except SourceError as error:
                logger.warning("%s: no second opinion: %s", provider.source_id, error)
                silent.append(error)
            finally:
                self._take_calls(provider)

    def _named(self, part: Part, provider: WindowSource) -> Part:
        frame = part.frame if len(part.frame) else pd.DataFrame()
        if len(frame):
            mapped = map_columns(frame, self.table)
            # What has no name of ours may have a meaning for others, such as a dividend.
            beside = [name for name in frame if name not in mapped.columns.values() and name not in mapped.frame]
            frame = mapped.frame.assign(**{name: frame[name].to_numpy() for name in beside})
            absent = [name for name in self.identity if name not in frame]
            if absent:
                raise SourceError(f"What {provider.source_id} delivers lacks {', '.join(absent)}.")
        return replace(part, frame=frame, source=part.source or provider.source_id)

    def _take_calls(self, provider: WindowSource) -> None:
        log = getattr(provider, "calls", None)
        if isinstance(log, CallLog):
            for call in log.taken():
                self.calls(call)


def _reach(text: str, table: str) -> pd.Timedelta:
    """How far back second opinions are asked for."""
    try:
        reach = pd.Timedelta(text)
    except ValueError as error:
        raise ConfigurationError(
            f"`second_opinion` is {text!r}; expected a length of time such as 30D: {error}"
        ) from None
    if table != "bars" or reach <= pd.Timedelta(0):
        raise ConfigurationError(f"`second_opinion: {text}` of {table}: expected bars and a positive length of time.")
    return reach
