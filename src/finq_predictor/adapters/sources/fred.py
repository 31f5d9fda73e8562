"""Macro series from FRED, each value with the day on which it was released, and from when revisions replaced it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd

from finq_predictor.adapters.http import CallLog, HttpClient, Key, Policy, refuse_keys, secret_of
from finq_predictor.adapters.sources.one_by_one import one_by_one
from finq_predictor.adapters.sources.protocol import EVER, Part
from finq_predictor.domain.columns import ON_RECEIPT
from finq_predictor.domain.errors import SourceAnswerError, SourceError, SourceRefusedError

ADDRESS = "https://api.stlouisfed.org/fred"
ZONE = "America/Chicago"
"""Where the days of the provider begin and end."""

MOST_OBSERVATIONS = 100_000
MOST_DATES = 10_000
"""So many the provider gives in one answer."""

MOST_VINTAGES = 1_999
"""So many are asked for at once; the provider allows one more, which may be that of the day before."""

_DAY = timedelta(days=1)
_NOTHING = "."


class FredSource:
    """Releases and revisions, series by series, from ALFRED, the archive of FRED.

    A window is one of releases, not of the periods that they speak of: each value that was published in it comes, the
    first one of a period and every later one. The provider tells the day of a release and no time of day, so a day is
    asked for when it is over; and it tells a period without a value, such as a holiday, by a dot, which is no release.

    The provider says until when a value was the latest one. That is left out: it depends on what was asked for, changes
    when the value is replaced, and is said by the row that replaces it.

    Args:
        series: Series as the provider names them, such as ``CPIAUCSL``.
        vintages: False for series of which there is no archive: the values of today, known when they were received.
        base_url: Another address.
        credentials: The entry ``fred`` of the credentials, with its ``key``.
        policy: Other limits than the usual ones, by name.

    Raises:
        ConfigurationError: If there is no key.
    """

    provider = "fred"
    simulated = False

    def __init__(
        self,
        series: Sequence[str],
        vintages: bool = True,
        base_url: str | None = None,
        credentials: Mapping[str, Any] | None = None,
        policy: Mapping[str, Any] | None = None,
    ) -> None:
        refuse_keys("fred", {"base_url": base_url})
        self.keys = tuple(series)
        self.calls = CallLog()
        self._vintages, self._address = vintages, base_url or ADDRESS
        self._key = secret_of("fred", "key", credentials)
        self._policy = Policy(**{"requests_per_minute": 100, **(policy or {})})

    @property
    def source_id(self) -> str:
        """The provider, and whether the values are only the latest ones."""
        return "fred" if self._vintages else "fred-latest"

    @property
    def identity(self) -> tuple[str, ...]:
        """Series and period, and of releases the day."""
        return ("series", "date", "realtime_start") if self._vintages else ("series", "date")

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Ask for the releases of a window, see `WindowSource`."""
        # A release of a day that is not over would be taken for known later than it was received.
        begin, end = _midnight(since), min(until, _midnight(as_of))
        with self._client() as client:
            yield from one_by_one(keys, lambda series: self._parts(client, series, begin, end))

    def _client(self) -> HttpClient:
        keys = [Key.in_query(self._key, "api_key")]
        return HttpClient("fred", self._address, self._policy, keys=keys, record=self.calls)

    def _parts(self, client: HttpClient, series: str, begin: pd.Timestamp, end: pd.Timestamp) -> Iterator[Part]:
        if not self._vintages:
            yield Part(self._latest(client, series), (series,), since=EVER)
            return
        if begin >= end:
            return
        first, last = _date(begin), _date(end - pd.Timedelta(1, "us"))
        dates = self._dates(client, series, first, last)
        for group in [dates[at : at + MOST_VINTAGES] for at in range(0, len(dates), MOST_VINTAGES)] or [[]]:
            # In between nothing was released, so that a part reaches to the next one.
            upto = _end_of(group[-1]) if group and group[-1] != dates[-1] else end
            yield Part(self._released(client, series, group), (series,), begin, upto)
            begin = upto

    def _dates(self, client: HttpClient, series: str, first: str, last: str) -> list[str]:
        """The days on which something was released; most windows have none, and no values need to be asked for.

        All days are asked for, because the provider may say of a series that it does not exist in a short time.
        """
        try:
            found = _pages(client, "series/vintagedates", {"series_id": series}, "vintage_dates", MOST_DATES)
        except SourceError as error:
            if "does not exist in ALFRED" not in str(error):
                raise
            raise SourceError(
                f"FRED keeps no archive of {series}, so that nobody can tell when its values were known ({error}). "
                "Set `vintages: false` for a source of such series: their values count from when they are received."
            ) from None
        return sorted({str(day) for day in found if first <= str(day) <= last})

    def _released(self, client: HttpClient, series: str, dates: Sequence[str]) -> pd.DataFrame:
        columns = ["series", "date", "value", "realtime_start"]
        if not dates:
            return pd.DataFrame(columns=columns)
        # What was valid already is told as if it began with the first day that is asked for; the day before shows it.
        before = str(date.fromisoformat(dates[0]) - _DAY)
        query = {"series_id": series, "realtime_start": before, "realtime_end": dates[-1], "sort_order": "asc"}
        found = self._observations(client, series, query)
        new = [one for one in found if dates[0] <= one["realtime_start"] <= dates[-1]]
        rows = [[series, one["date"], one["value"], one["realtime_start"]] for one in new]
        return pd.DataFrame(rows, columns=columns).drop_duplicates(ignore_index=True)

    def _latest(self, client: HttpClient, series: str) -> pd.DataFrame:
        found = self._observations(client, series, {"series_id": series, "sort_order": "asc"})
        rows = [[series, one["date"], one["value"], ON_RECEIPT] for one in found]
        return pd.DataFrame(rows, columns=["series", "date", "value", "known_at"]).drop_duplicates(ignore_index=True)

    def _observations(self, client: HttpClient, series: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        found = _pages(client, "series/observations", query, "observations", MOST_OBSERVATIONS)
        try:
            return [_checked(one) for one in found if one["value"] != _NOTHING]
        except (KeyError, TypeError, ValueError) as error:
            raise _other_form(f"values of {series}", error) from None


def _pages(client: HttpClient, path: str, query: Mapping[str, str], name: str, most: int) -> list[Any]:
    """All of a list that comes in pages."""
    found: list[Any] = []
    while True:
        answer = _asked(client, path, {"file_type": "json", **query, "limit": str(most), "offset": str(len(found))})
        try:
            page, count = answer[name], int(answer["count"])
            found += page
        except (KeyError, TypeError, ValueError) as error:
            raise _other_form(f"{path} of {query['series_id']}", error) from None
        if not page or len(found) >= count:
            return found


def _asked(client: HttpClient, path: str, query: Mapping[str, str]) -> Any:
    try:
        return client.get_json(path, query)
    except SourceRefusedError:
        raise
    except SourceError as error:
        # The provider has no other status for a wrong key.
        if "variable api_key" not in str(error):
            raise
        refusal = client.refusal(str(error))
    raise refusal


def _checked(one: Mapping[str, Any]) -> dict[str, Any]:
    """An observation with its days, which are compared as texts and therefore have to be written in one way."""
    days = {name: str(date.fromisoformat(one[name])) for name in ("date", "realtime_start")}
    return {"value": float(one["value"]), **days}


def _other_form(what: str, error: Exception) -> SourceAnswerError:
    return SourceAnswerError(
        f"FRED's {what} have another form than they had: {error!r}. It may have changed its interface; nothing of this "
        "answer is kept."
    )


def _midnight(moment: pd.Timestamp) -> pd.Timestamp:
    """The begin of a day at the provider's."""
    return moment.tz_convert(ZONE).normalize().tz_convert("UTC")


def _end_of(day: str) -> pd.Timestamp:
    return pd.Timestamp(date.fromisoformat(day) + _DAY, tz=ZONE).tz_convert("UTC")


def _date(moment: pd.Timestamp) -> str:
    return str(moment.tz_convert(ZONE).date())
