"""The real Feast, in its own environment, answers what our store answers: of the past and online.

One process of Feast for each online store does everything. What it finds is written as a table of equality.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from finq_predictor.adapters.feature_store import FeatureStore
from finq_predictor.adapters.feature_store.feast import Feast
from finq_predictor.adapters.feature_store.feast_repository import clock_ttl, write_repository
from finq_predictor.adapters.feature_store.materialising import materialise_newest
from finq_predictor.adapters.feature_store.sqlite import SqliteStore
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.features.views import STATES, State, views_of
from finq_predictor.domain.market.markets import MARKETS
from redis_server import running_redis

FEATURES = 50


@pytest.fixture(scope="module")
def python(project_path) -> Path:
    found = project_path / ".venv-feast" / "bin" / "python"
    if not found.exists():
        pytest.skip("no environment of Feast: make .venv-feast/.ready makes it")
    return found


@pytest.fixture(scope="module")
def repository(small_project, tmp_path_factory):
    """A repository of both markets, and our store of the same gold."""
    folder = tmp_path_factory.mktemp("feast")
    exported = write_repository(small_project, folder / "repository", sorted(MARKETS))
    store = SqliteStore(folder / "ours.db")
    for one in exported:
        materialise_newest(small_project, MARKETS[one.market], store, pd.Timestamp("2024-01-01", tz="UTC"))
    return folder / "repository", exported, FeatureStore(small_project, store)


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def feast(request, repository, python, project_path, small_project, tmp_path_factory):
    """Feast after it was applied and materialised."""
    folder, exported, ours = repository
    program = project_path / "deploy" / "feast" / "store.py"
    if request.param == "sqlite":
        with Feast(folder, exported, python, program) as process:
            _fill(process, exported)
            yield process, exported, ours
        return
    with running_redis(tmp_path_factory.mktemp("redis"), password="hunter2") as url:
        other = tmp_path_factory.mktemp("feast_redis")
        write_repository(small_project, other, ["fx"], "redis")
        assert "hunter2" not in "".join(path.read_text() for path in other.glob("*.y*ml"))
        only = [one for one in exported if one.market == "fx"]
        with Feast(other, only, python, program, url) as process:
            _fill(process, only)
            yield process, only, ours


def _fill(process, exported):
    """As a schedule does: what there was some bars ago, then what is new."""
    views = sorted(view.full_name for one in exported for view in views_of(one.feature_set))
    assert process.apply() == views
    for one in exported:
        earlier = one.last - 5 * MARKETS[one.market].bar
        process.materialise(one.market, earlier, since=one.last - pd.Timedelta(days=20))
        process.materialise(one.market, one.last + pd.Timedelta(seconds=1))


def moments(one, names, rows=400):
    """Random moments within gold, before it and after it; some are closes, some are asked twice."""
    rng = np.random.default_rng(5)
    span = one.last - one.first + pd.Timedelta(days=12)
    ts = one.first - pd.Timedelta(days=2) + pd.to_timedelta(rng.uniform(0, span.total_seconds(), rows), unit="s")
    ts = pd.DatetimeIndex(ts).as_unit("us")
    frame = pd.DataFrame({"note": range(rows), "instrument": rng.choice([*names, "NOBODY"], rows), "ts": ts})
    return pd.concat([frame, frame.iloc[:7]], ignore_index=True)


def told(title, market, rows, columns, present, difference):
    print(f"\n| {title} | {market} | {rows} | {columns} | {present} | {difference:g} |")


def test_the_past_is_answered_alike(feast):
    process, exported, ours = feast
    if len(exported) == 1:
        pytest.skip("the past is the same whatever holds what is newest")
    for one in exported:
        features = one.feature_set.names[-FEATURES:]
        gold = pd.read_parquet(path_of(ours.root, one.market, "gold"), columns=["ts", "instrument"])
        asked = moments(one, gold["instrument"].unique())
        closes = gold.sample(100, random_state=3).assign(note=-1)
        asked = pd.concat([asked, closes[["note", "instrument", "ts"]]], ignore_index=True)
        theirs, mine = (
            process.historical(one.market, asked, features),
            ours.historical(asked, features, market=one.market),
        )
        present = mine.codes == STATES.index(State.PRESENT)
        np.testing.assert_array_equal(theirs.codes == STATES.index(State.PRESENT), present)
        a, b = (table.table[list(features)].to_numpy() for table in (theirs, mine))
        told("past", one.market, len(asked), len(features), int(present.sum()), np.nanmax(np.abs(a - b), initial=0.0))
        np.testing.assert_array_equal(a, b)
        # Every row is there, those that Feast drops too, and each kind of answer is among them.
        assert theirs.table[["note", "instrument", "ts"]].equals(asked)
        assert {STATES[code] for code in np.unique(mine.codes)} == set(State)
        fresh = present.any(axis=1)
        pd.testing.assert_series_equal(theirs.table.loc[fresh, "bar_ts"], mine.table.loc[fresh, "bar_ts"])


def test_online_values_are_those_of_the_packed_rows(feast):
    """As models read them: Feast keeps what gold keeps, in single precision."""
    process, exported, ours = feast
    for one in exported:
        standing = ours.store.standing(one.market)
        names = [*sorted(name for name, bar in standing.newest.items() if bar == standing.closes[-1])[:20], "NOBODY"]
        features = one.feature_set.names[-FEATURES:]
        now = one.last + pd.Timedelta(minutes=30)
        theirs = process.online(one.market, names, features, now=now)
        mine = ours.online(one.market, names, features, now=now)
        np.testing.assert_array_equal(theirs.codes, mine.codes)
        np.testing.assert_array_equal(theirs.bars, mine.bars)
        a, b = theirs.values.astype(np.float32), mine.values.astype(np.float32)
        present = int((mine.codes == 0).sum())
        told("online", one.market, len(names), len(features), present, np.nanmax(np.abs(a - b), initial=0.0))
        np.testing.assert_array_equal(a, b)
        assert present > 0


def test_what_feast_calls_present_and_is_too_old_is_withheld(feast):
    process, exported, ours = feast
    for one in exported:
        name = max(ours.store.standing(one.market).newest.items(), key=lambda pair: pair[1])[0]
        feature = next(view for view in views_of(one.feature_set) if view.name == "market").features[0]
        late = one.last + pd.Timedelta(days=20)
        said = process._ask("online", instruments=[name], features=process._full(one.market, [feature]))
        assert [column["statuses"] for column in said.values()] == [[1]], "Feast itself says that it is too old now"
        for found in (process, ours):
            (row,) = found.online(one.market, [name], [feature], now=late).rows()
            assert (row["state"], row["value"]) == ("OUTSIDE_MAX_AGE", None)


def test_the_repository_is_what_the_registry_says(repository):
    folder, exported, _ = repository
    settings = yaml.safe_load((folder / "feature_store.yaml").read_text())
    assert settings["online_store"]["type"] == "sqlite"
    assert settings["entity_key_serialization_version"] == 3
    text = (folder / "definitions.py").read_text()
    calls = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)]
    views = {
        ast.literal_eval(keywords["name"]): keywords
        for one in calls
        if one.func.id == "FeatureView"
        for keywords in [{word.arg: word.value for word in one.keywords}]
    }
    for one in exported:
        for view in views_of(one.feature_set):
            fields = [ast.literal_eval(field.keywords[0].value) for field in views[view.full_name]["schema"].elts]
            assert fields == ["bar", *view.features]
            assert ast.literal_eval(views[view.full_name]["tags"])["definitions"] == view.definitions_hash
            # No value that counts is too old for Feast: over week-ends and holidays the clock goes on.
            assert clock_ttl(view, one) >= pd.Timedelta(hours=view.ttl_hours)
    fx = next(one for one in exported if one.market == "fx")
    market = next(view for view in views_of(fx.feature_set) if view.name == "market")
    assert clock_ttl(market, fx) >= pd.Timedelta(hours=50)


def test_what_goes_wrong_is_said(tmp_path, small_project, repository, python, project_path):
    with pytest.raises(ConfigurationError, match="one of sqlite, redis"):
        write_repository(small_project, tmp_path, ["fx"], "mongo")
    folder, exported, _ = repository
    with pytest.raises(StoreError, match=r"make \.venv-feast/\.ready"):
        Feast(folder, exported, tmp_path / "no-python", project_path / "deploy" / "feast" / "store.py")
    ended = tmp_path / "ended.py"
    ended.write_text("raise SystemExit('nothing works today')")
    with Feast(folder, exported, python, ended) as process, pytest.raises(StoreError, match="nothing works today"):
        process.apply()
