"""Feast, asked by the project from an environment of its own: what to do comes as JSON on standard input.

Each request is one line, each answer is one line that begins with RESULT, so that one process does many things: to
start it costs more than all else. Tables are handed over as Parquet files. Nothing of the project is imported here.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import Any

import pandas as pd
from feast import FeatureStore

INSTRUMENT, TS = "instrument", "event_timestamp"


def main(folder: str) -> None:
    """Answer requests until there are no more."""
    # What Feast itself prints is for people, and it puts streams of its own in place of these.
    answers, questions = os.fdopen(os.dup(1), "w"), sys.stdin
    sys.stdout = sys.stderr
    store = FeatureStore(repo_path=folder)
    for line in questions:
        request = json.loads(line)
        try:
            answer = {"done": DO[request.pop("do")](store, **request)}
        except Exception as error:  # whatever it is belongs to whoever asked
            answer = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(f"RESULT{json.dumps(answer)}\n")
        answers.flush()


def apply(store: FeatureStore) -> list[str]:
    """Let the registry be what the repository says."""
    from feast.repo_operations import apply_total

    sys.path.insert(0, str(store.repo_path))  # it imports the definitions by their name
    apply_total(store.config, store.repo_path, skip_source_validation=False)
    store.refresh_registry()
    return sorted(view.name for view in store.list_feature_views())


def materialize(store: FeatureStore, views: list[str], until: str, since: str | None = None) -> None:
    """Bring the online store up to a moment: what is new, or from another moment on."""
    end = datetime.fromisoformat(until)
    if since is None:
        store.materialize_incremental(end, feature_views=views)
    else:
        store.materialize(datetime.fromisoformat(since), end, feature_views=views)


def historical(store: FeatureStore, entities: str, features: list[str], target: str) -> int:
    """Join features onto the moments of a table."""
    found = store.get_historical_features(pd.read_parquet(entities), features, full_feature_names=True).to_df()
    found.to_parquet(target, index=False)
    return len(found)


def online(store: FeatureStore, instruments: list[str], features: list[str]) -> dict[str, Any]:
    """What the online store holds of instruments."""
    rows = [{INSTRUMENT: name} for name in instruments]
    answer = store.get_online_features(features, rows, full_feature_names=True).proto
    told = {}
    for name, vector in zip(answer.metadata.feature_names.val, answer.results, strict=True):
        if name == INSTRUMENT:
            continue
        told[name] = {
            "values": [_plain(value) for value in vector.values],
            "statuses": [int(status) for status in vector.statuses],
            "times": [stamp.ToMicroseconds() for stamp in vector.event_timestamps],
        }
    return told


def timed(store: FeatureStore, instruments: list[str], features: list[str], times: int) -> list[float]:
    """Seconds that each of many equal questions to the online store takes."""
    from time import perf_counter

    rows, took = [{INSTRUMENT: name} for name in instruments], []
    for _ in range(times):
        started = perf_counter()
        store.get_online_features(features, rows, full_feature_names=True).to_dict()
        took.append(perf_counter() - started)
    return took


def _plain(value: Any) -> float | None:
    kind = value.WhichOneof("val")
    return None if kind is None else float(getattr(value, kind))


DO = {"apply": apply, "materialize": materialize, "historical": historical, "online": online, "timed": timed}

if __name__ == "__main__":
    main(sys.argv[1])
