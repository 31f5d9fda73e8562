"""A repository of Feast, written from the views of the registry and what gold holds.

Feast counts the age of a value by the clock, and a market by the hours in which it is open: the age that stands in the
repository is the longest time of the clock that open hours can take, and :mod:`~.feast` withholds what is too old.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.atomic_file import write_atomically, write_text_atomically
from finq_predictor.adapters.feature_store.historical import feature_set_of
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.features.views import FeatureView, views_of
from finq_predictor.domain.market.markets import MARKETS

EVENT, CREATED = "event_timestamp", "created"
BAR = "bar"
"""Beside the features of each view the bar that they are of, microseconds since 1970: Feast tells no such time."""
PROJECT = "finq"
CONNECTION = "FEAST_REDIS"
"""Variable of Feast's own process with the address of its Redis, as Feast writes it: it stands in no file."""
ONLINE = ("sqlite", "redis")
_SETTINGS = """\
# Written by `finq features feast`.
project: {project}
provider: local
registry: {{path: registry.db, cache_ttl_seconds: 60}}
offline_store: {{type: file}}
online_store: {online}
entity_key_serialization_version: 3
auth: {{type: no_auth}}
"""
_ONLINE = {
    "sqlite": "{type: sqlite, path: online.db}",
    "redis": f'{{type: redis, connection_string: "${{{CONNECTION}}}"}}',
}
_HEAD = '''\
"""Written by `finq features feast` from the registry of features."""

from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float32, Int64

here = Path(__file__).parent
{entity} = Entity(name="{entity}", join_keys=["{entity}"], value_type=ValueType.STRING)
'''
_SOURCE = """
{market}_gold = FileSource(
    name="{market}_gold",
    path=str(here / "{market}.parquet"),
    timestamp_field="{event}",
    created_timestamp_column="{created}",
)
"""
_VIEW = """
{name} = FeatureView(
    name="{name}",
    entities=[{entity}],
    # {hours:g} hours in which the market is open, at the most, by the clock.
    ttl=timedelta(seconds={seconds}),
    schema=[
{fields}
    ],
    source={market}_gold,
    online=True,
    tags={{"definitions": "{definitions}", "ttl_open_hours": "{hours:g}"}},
)
"""


@dataclass(frozen=True)
class Exported:
    """One market of a repository.

    Attributes:
        market: Name of the market.
        feature_set: The features of its gold.
        rows: Rows of gold.
        first: Its first bar.
        last: Its last bar.
    """

    market: str
    feature_set: FeatureSet
    rows: int
    first: pd.Timestamp
    last: pd.Timestamp


def write_repository(
    root: Path, target: Path, markets: Collection[str], online: str = "sqlite"
) -> tuple[Exported, ...]:
    """Write a repository of Feast: its settings, its definitions, and gold as it reads it.

    Args:
        root: Folder of the data.
        target: Folder of the repository; what is there of an earlier one is replaced.
        markets: Which markets.
        online: Where Feast keeps what is newest, ``sqlite`` or ``redis``.

    Raises:
        StoreError: If there is no gold of a market; names the pipeline which makes it.
        ConfigurationError: If there is no such online store.
    """
    if online not in ONLINE:
        raise ConfigurationError(f"Feast keeps what is newest in {online!r}; expected one of {', '.join(ONLINE)}.")
    target.mkdir(parents=True, exist_ok=True)
    parts, exported = [_HEAD.format(entity=INSTRUMENT)], []
    for market in markets:
        one = _export(root, target, market)
        exported.append(one)
        parts.append(_SOURCE.format(market=market, event=EVENT, created=CREATED))
        parts += [_view(view, one) for view in views_of(one.feature_set)]
    write_text_atomically(target / "definitions.py", "".join(parts))
    write_text_atomically(target / "feature_store.yaml", _SETTINGS.format(project=PROJECT, online=_ONLINE[online]))
    return tuple(exported)


def clock_ttl(view: FeatureView, one: Exported) -> pd.Timedelta:
    """The longest time of the clock in which a value of a view may count, over the span of gold."""
    sessions = MARKETS[view.market].sessions
    # A year more: what is asked for tomorrow may lie behind holidays that gold has not seen.
    time = sessions.open_time(one.first - pd.Timedelta(days=31), one.last + pd.Timedelta(days=366))
    return time.longest(view.ttl_hours)


def _export(root: Path, target: Path, market: str) -> Exported:
    snapshot = SnapshotStore(root, market).newest()
    feature_set = feature_set_of(snapshot)
    gold = pd.read_parquet(snapshot.path("gold"), columns=[TS, INSTRUMENT, *feature_set.names])
    # What is written later for the same bar goes before; gold has each once.
    table = gold.rename(columns={TS: EVENT}).assign(**{CREATED: gold[TS], BAR: gold[TS].astype("int64")})
    write_atomically(target / f"{market}.parquet", lambda path: table.to_parquet(path, index=False))
    return Exported(market, feature_set, len(table), gold[TS].min(), gold[TS].max())


def _view(view: FeatureView, one: Exported) -> str:
    fields = [f'        Field(name="{BAR}", dtype=Int64),']
    fields += [f'        Field(name="{name}", dtype=Float32),' for name in view.features]
    return _VIEW.format(
        name=view.full_name,
        entity=view.entity,
        hours=view.ttl_hours,
        seconds=int(clock_ttl(view, one).total_seconds()) + 1,
        fields="\n".join(fields),
        market=view.market,
        definitions=view.definitions_hash,
    )
