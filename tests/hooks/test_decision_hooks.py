"""A run tells of the decisions that it entered, of nothing else, and goes on where nobody hears."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from finq_predictor.adapters.datasets.registry import ChampionDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.promotion_log import PromotionLogFile
from finq_predictor.domain.promotion.log import Act, LoggedModel, LogRecord
from finq_predictor.hooks.decisions import DecisionHooks
from receivers import receiving

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def record(act: Act, about: str) -> LogRecord:
    in_use = "1" if act is Act.REJECT else about
    before = LoggedModel("logistic", "hash", "1", "promoted")
    return LogRecord(
        act, "", "equity", "ada", "kedro run", "because", in_use, "promoted", LoggedModel("xgboost", "h", about), before
    )


@pytest.fixture
def hooks(tmp_path: Path):
    layout = Layout(tmp_path / "data")
    place = {"market": "equity", "tracking_uri": layout.tracking_uri, "artifact_root": str(layout.artifacts)}
    catalog = DataCatalog({"equity.champion": ChampionDataset(**place, export_dir=str(layout.champion("equity")))})
    pipeline = Pipeline([node(lambda x: x, "x", "equity.champion", name="decide")])
    log = PromotionLogFile(layout.root, "equity")
    log.append(record(Act.PROMOTE, "1"), now=NOW)

    def begin(url: str) -> tuple[DecisionHooks, PromotionLogFile]:
        (tmp_path / "conf" / "base").mkdir(parents=True)
        both = {"on_call": ["hook"], "team": ["hook"]}
        given = {"channels": {"hook": {"kind": "webhook", "url": url}}, "audiences": both}
        (tmp_path / "conf" / "base" / "alarms.yml").write_text(yaml.safe_dump(given))
        hooks = DecisionHooks()
        hooks.after_context_created(SimpleNamespace(project_path=tmp_path, env="test"))
        hooks.before_pipeline_run(pipeline=pipeline, catalog=catalog)
        return hooks, log

    return begin


def test_a_new_champion_is_told_once(hooks):
    with receiving() as chat:
        hook, log = hooks(chat.url)
        hook.after_dataset_saved("equity.champion")
        assert chat.bodies == [], "what was decided before this run was told by that one"
        log.append(record(Act.REJECT, "9"), now=NOW)
        log.append(record(Act.PROMOTE, "2"), now=NOW)
        hook.after_dataset_saved("equity.gold")
        assert chat.bodies == []
        hook.after_dataset_saved("equity.champion")
        hook.after_dataset_saved("equity.champion")
    assert [body["title"] for body in chat.bodies] == ["equity: xgboost version 2 is promoted"]


def test_a_decision_holds_where_nobody_hears(hooks, caplog):
    hook, log = hooks("http://127.0.0.1:9/nobody")
    log.append(record(Act.PROMOTE, "2"), now=NOW)
    with caplog.at_level(logging.WARNING):
        hook.after_dataset_saved("equity.champion")
    assert "which holds all the same: hook" in caplog.text
    assert log.read().last.in_use == "2"
