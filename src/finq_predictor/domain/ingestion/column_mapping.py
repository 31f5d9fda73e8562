"""Recognise the columns of a table by their usual names.

Case, spaces and punctuation do not count: ``Adj Close``, ``adj_close`` and ``adjClose`` are one name. What is not
recognised can be named in the parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from finq_predictor.domain.columns import ASK, BID, LINEAGE, OHLC, SOURCE
from finq_predictor.domain.errors import MappingError, closest

TIME = "time"
_INSTRUMENT = (
    "instrument", "symbol", "ticker", "pair", "currencypair", "sym", "tic", "stock", "asset", "security", "ric", "code",
    "name",
)  # fmt: skip
_TIME = (
    "ts", "timestamp", "datetime", "timeutc", "utctime", "time", "gmttime", "opentime", "date", "day", "tradedate",
    "tradingday", "sessiondate", "localtime", "timeperiod", "dt", "index", "unnamed0",
)  # fmt: skip
_PARTS = {
    "open": ("open", "o", "openprice", "opening", "first"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "c", "closeprice", "closing", "last", "lastprice", "settle"),
}
_ADJUSTED = (
    "adjclose",
    "adjustedclose",
    "closeadj",
    "closeadjusted",
    "adjcloseprice",
    "adjustedcloseprice",
    "adjclosing",
)
_VOLUME = ("volume", "vol", "v", "totalvolume", "tickvolume", "tickvol", "realvolume", "shares")
_KNOWN = ("knownat", "availableat", "firstseenat", "knowntime")


def _quoted(side: str, *words: str) -> dict[str, tuple[str, ...]]:
    """Names of the four prices of one side: ``bidclose``, ``closebid``, ``bidc``, and the side alone for the close."""
    names = {
        f"{side}_{part}": tuple(f"{word}{name}" for word in words for name in usual)
        + tuple(f"{name}{word}" for word in words for name in usual if len(name) > 1)
        for part, usual in _PARTS.items()
    }
    return names


_BARS = {
    "instrument": _INSTRUMENT, "time": _TIME, **_PARTS, "adj_close": _ADJUSTED, "volume": _VOLUME, "known_at": _KNOWN,
    "sector": ("sector", "gicssector", "industrysector"),
    "complete": ("complete", "iscomplete", "completed", "isclosed", "closed", "isfinal", "final"),
}  # fmt: skip
_SPLIT = ("split", "splits", "stocksplit", "stocksplits", "splitratio", "splitfactor", "splitcoefficient")
_DIVIDEND = ("dividend", "dividends", "dividendamount", "divcash", "cashdividend")
# Beside bars `ratio` and `amount` mean other things.
_BESIDE = {"split": _SPLIT, "dividend": _DIVIDEND, "provider_adj_close": ("provideradjclose",)}
ALIASES: dict[str, dict[str, tuple[str, ...]]] = {
    "bars": {**_BARS, **_BESIDE, **_quoted("mid", "mid"), **_quoted("bid", "bid"), **_quoted("ask", "ask", "offer")},
    "benchmark": {name: _BARS[name] for name in ("time", *OHLC, "adj_close", "volume", "known_at", "complete")},
    "articles": {
        "article_id": ("articleid", "tweetid", "newsid", "storyid", "postid", "id", "guid", "url", "link"),
        "instrument": (*_INSTRUMENT, "currency"),
        "published_at": (
            "publishedat", "publishedutc", "createdat", "createdutc", "published", "publishdate", "pubdate",
            "publicationdate", "timestamp", "datetime", "timeutc", "date", "time",
        ),
        "known_at": ("firstseenat", "knownat", "seenat", "receivedat", "fetchedat"),
        "title": ("title", "headline", "subject", "text", "tweet", "content", "body", "summary"),
        "body": ("body", "selftext", "content", "article", "fulltext", "description", "summary", "abstract"),
        "source": ("source", "publisher", "provider", "outlet", "site", "feed"),
    },
    "macro": {
        "series": ("series", "seriesid", "indicator", "code", "name"),
        "period": ("period", "referenceperiod", "observationdate", "date", "month"),
        "value": ("value", "val", "level", "actual", "observation"),
        "known_at": ("releasedat", "releasedate", "knownat", "releasetime", "vintagedate", "realtimestart"),
    },
    "membership": {
        "instrument": _INSTRUMENT,
        "members": ("members", "tickers", "symbols", "constituents", "components", "instruments"),
        "since": (
            "since", "start", "startdate", "from", "fromdate", "begin", "begindate", "added", "dateadded",
            "datefirstadded", "addeddate", "joined", "entrydate", "validfrom", "effectivefrom",
        ),
        "until": (
            "until", "end", "enddate", "to", "todate", "removed", "dateremoved", "removeddate", "left", "exitdate",
            "validto", "validuntil", "effectiveto",
        ),
        "date": (
            "snapshot", "snapshotdate", "asof", "asofdate", "date", "day", "effectivedate", "datetime", "timestamp",
            "ts", "time", "index", "unnamed0",
        ),
        "known_at": (*_KNOWN, "announced", "announcedat", "announcementdate"),
    },
    "actions": {
        "instrument": _INSTRUMENT,
        "ex_date": (
            "exdate", "exdividenddate", "exdivdate", "exday", "executiondate", "effectivedate", "splitdate", "date",
            "datetime", "timestamp", "ts", "time", "index", "unnamed0",
        ),
        "kind": ("kind", "action", "actiontype", "type", "event", "eventtype"),
        "value": ("value", "factor"),
        "split": (*_SPLIT, "ratio"),
        "dividend": (*_DIVIDEND, "cashamount", "amount", "cash"),
        "known_at": (*_KNOWN, "announcedat", "announcementdate", "declarationdate", "declareddate", "declared"),
    },
}  # fmt: skip
REQUIRED: dict[str, tuple[str, ...]] = {
    "bars": ("instrument", "time", *OHLC),
    "benchmark": ("time", "close"),
    "articles": ("instrument", "published_at", "title"),
    "macro": ("series", "period", "value", "known_at"),
    "actions": ("instrument", "ex_date"),
    # Either form has columns of its own, see `membership_records`.
    "membership": (),
}
_HINTS = {
    "known_at": "A macro series needs the time of each release: by its period alone a model would see it early.",
    "instrument": "If the file holds one instrument, set `instrument`.",
}


@dataclass(frozen=True)
class Mapped:
    """A table under our names.

    Attributes:
        frame: Our columns with the delivered values, same rows and order, fresh index.
        columns: Our name to the delivered name.
        notes: What was decided beyond recognising names, one sentence each.
    """

    frame: pd.DataFrame
    columns: dict[str, str]
    notes: list[str] = field(default_factory=list)


def map_columns(
    frame: pd.DataFrame,
    table: str,
    overrides: Mapping[str, str] | None = None,
    *,
    instrument: str | None = None,
    named_in: Callable[[str], str | None] = lambda _: None,
) -> Mapped:
    """Bring a delivered table under our names.

    Bare ``open, high, low, close`` beside bid and ask are mids. A table with bid and ask only gets their average as
    mid, price by price: exact for open and close, an approximation for high and low.

    Args:
        frame: The delivered table.
        table: ``bars``, ``benchmark``, ``articles``, ``macro``, ``membership`` or ``actions``.
        overrides: Our name to the delivered name, where it is not recognised or wrongly so.
        instrument: Instrument of a table of bars or actions without such a column; None asks the name of the file.
        named_in: Finds an instrument in the name of a file, or None, see ``InstrumentKind.named_in``.

    Returns:
        The mapped table. The time of a bar is called ``time``.

    Raises:
        MappingError: If a needed column is not there; lists what was found, what is missing and near misses.
    """
    raw = frame.reset_index(drop=True)
    delivered = {str(name): name for name in raw.columns if name not in LINEAGE}
    columns = _recognise(delivered, table, dict(overrides or {}))
    mapped = pd.DataFrame({ours: raw[delivered[theirs]] for ours, theirs in columns.items()}, index=raw.index)
    notes: list[str] = []
    if table in ("bars", "benchmark"):
        mapped = _join_date_and_time(mapped, raw, delivered, columns, notes)
    if table in ("bars", "actions"):
        mapped = _name_instrument(mapped, instrument or named_in(file_name(_origin(raw))), notes)
    if table == "bars":
        mapped = _choose_mids(mapped, columns, notes)
    missing = [name for name in REQUIRED[table] if name not in mapped]
    if missing:
        raise MappingError(_complaint(table, missing, columns, list(delivered), _origin(raw)))
    return Mapped(mapped, columns, notes)


def normalise(name: object) -> str:
    """Fold a column's name: lower case, letters and digits only, without a leading number (``1. open``)."""
    text = re.sub(r"^\d+[.)]\s*", "", str(name).strip().lower())
    return re.sub(r"[^a-z0-9]", "", text)


def _recognise(delivered: Mapping[str, object], table: str, overrides: dict[str, str]) -> dict[str, str]:
    aliases = ALIASES[table]
    for ours, given in overrides.items():
        if ours not in aliases:
            raise MappingError(f"`columns.{table}` maps {ours!r}, which {table} do not have. {closest(ours, aliases)}")
        if given not in delivered:
            raise MappingError(
                f"`columns.{table}.{ours}` names the column {given!r}, which was not delivered. "
                f"{closest(given, delivered)}"
            )
    taken = set(overrides.values())
    folded: dict[str, str] = {}
    for name in delivered:
        folded.setdefault(normalise(name), name)
    found = dict(overrides)
    for ours, usual in aliases.items():
        theirs = [folded[alias] for alias in usual if alias in folded and folded[alias] not in taken]
        if ours not in found and theirs:
            found[ours] = theirs[0]
            taken.add(theirs[0])
    return found


def _join_date_and_time(
    mapped: pd.DataFrame, raw: pd.DataFrame, delivered: Mapping[str, object], columns: dict[str, str], notes: list[str]
) -> pd.DataFrame:
    """Some exports keep the date and the time of day in two columns."""
    folded = {normalise(name): name for name in delivered}
    if not {"date", "time"} <= folded.keys() or columns.get("time") not in (folded["date"], folded["time"]):
        return mapped
    clock = raw[delivered[folded["time"]]].astype("str").str.strip()
    if not clock.str.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?").all():
        return mapped
    columns["time"] = f"{folded['date']} + {folded['time']}"
    notes.append(f"date and time of day are joined from {columns['time']}")
    day = raw[delivered[folded["date"]]].astype("str").str.strip().str.slice(0, 10)
    return mapped.assign(**{TIME: day + " " + clock})


def _name_instrument(mapped: pd.DataFrame, name: str | None, notes: list[str]) -> pd.DataFrame:
    if "instrument" in mapped or name is None:
        return mapped
    notes.append(f"no column names the instrument; all rows are taken for {name}")
    return mapped.assign(instrument=pd.Series(name, index=mapped.index, dtype="str"))


def file_name(origin: str) -> str:
    """The name of the file in a lineage such as ``own:/data/EUR_USD.csv#1234``: no kind, folders or identity."""
    return re.split(r"[/\\]", origin.split("#")[0])[-1].split(":")[-1]


def _choose_mids(mapped: pd.DataFrame, columns: dict[str, str], notes: list[str]) -> pd.DataFrame:
    """Prefer delivered mids, then bare prices, then the average of bid and ask."""
    mids = [f"mid_{part}" for part in OHLC]
    if all(name in mapped for name in mids):
        for part in OHLC:
            columns[part] = columns.pop(f"mid_{part}")
        chosen = mapped.drop(columns=list(OHLC), errors="ignore").rename(columns=dict(zip(mids, OHLC, strict=True)))
        return chosen
    mapped = mapped.drop(columns=mids, errors="ignore")
    if not any(part in mapped for part in OHLC) and all(name in mapped for name in (*BID, *ASK)):
        notes.append("mids are the average of bid and ask, price by price")
        numbers = mapped[[*BID, *ASK]].apply(pd.to_numeric, errors="coerce")
        mapped = mapped.assign(
            **{part: (numbers[f"bid_{part}"] + numbers[f"ask_{part}"]) / 2 for part in OHLC},
        )
    return mapped


def _origin(raw: pd.DataFrame) -> str:
    return str(raw[SOURCE].iloc[0]) if SOURCE in raw and len(raw) else ""


def _complaint(table: str, missing: list[str], columns: dict[str, str], delivered: list[str], origin: str) -> str:
    free = [name for name in delivered if name not in columns.values()]
    near = [f"{name}: {closest(name, free)}" for name in missing if free]
    hints = [_HINTS[name] for name in missing if name in _HINTS and (name, table) != ("known_at", "bars")]
    return " ".join(
        [
            f"The {table} {f'from {origin!r} ' if origin else ''}cannot be mapped.",
            f"Missing: {', '.join(missing)}.",
            f"Found columns: {', '.join(map(repr, delivered)) or 'none'};",
            "recognised: " + (", ".join(f"{ours} <- {theirs!r}" for ours, theirs in columns.items()) or "none") + ".",
            *near,
            *hints,
            f"Name the columns under `columns: {{{table}: {{{missing[0]}: THEIR_NAME}}}}` in the ingestion parameters.",
        ]
    )
