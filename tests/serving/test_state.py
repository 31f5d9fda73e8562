"""What is written lies below one folder of its own, where one is named; the data may then be anybody's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from finq_predictor.adapters.score_cards import read_score_cards
from finq_predictor.cli import finq
from finq_predictor.serving.access.access import Access
from finq_predictor.serving.settings import AuthMode, Settings
from serving.conftest import started
from serving.read_only import read_only_but
from serving.servers import BIN


def files_of(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*")}


def test_what_was_said_is_kept_looked_up_and_judged_beside_data_that_nobody_touches(own_root, tmp_path, monkeypatch):
    state, before = tmp_path / "state", files_of(own_root)
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    run = CliRunner()
    with started(Settings(data_root=own_root, state_root=state, markets="fx")) as client:
        assert client.post("/predict", {"instrument": "EUR_USD"}).json()["recorded"]
        # As in a container: not even a note that the data are being read can be left there.
        words = ["served", "drain", "--root", str(own_root), "--state", str(state)]
        done = subprocess.run(
            [*read_only_but(state, own_root), str(BIN / "finq"), *words], capture_output=True, text=True, timeout=120
        )
        assert "1 lines stored" in done.stdout, done.stderr[-3000:]
        history = client.get("/history?instrument=EUR_USD&bars=1").json()
        assert history["bars"][0]["source"] == "served"
        assert len(client.get("/score-card").json()["cards"]) == 1
    told = run.invoke(finq, ["score-card", "--root", str(own_root)], env={"FINQ_STATE_ROOT": str(state)})
    assert "said 1" in told.output
    assert read_score_cards(state) is not None, "the keeper came to its end"
    words = ["served", "prune", "--root", str(own_root), "--state", str(state), "--older-than", "40", "--yes"]
    assert "served predictions: 0" in run.invoke(finq, words, catch_exceptions=False).output
    assert files_of(own_root) == before


@pytest.mark.parametrize("names", [("FINQ_DATA_ROOT",), ("FINQ_DATA_ROOT", "FINQ_STATE_ROOT")])
def test_accounts_are_made_where_the_service_looks_for_them(names, tmp_path, monkeypatch):
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / name))
    CliRunner().invoke(finq, ["auth", "add", "ann", "--role", "admin"], catch_exceptions=False)
    monkeypatch.delenv("FINQ_AUTH", raising=False)
    settings = Settings.from_environment()
    access = Access(AuthMode.ON, settings.state)
    access.refresh()
    assert set(access.snapshot.accounts) == {"ann"}
    assert settings.state == tmp_path / names[-1]
