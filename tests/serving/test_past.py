"""A store that is away is left alone for a while, and whoever asks for the past is told so."""

from __future__ import annotations

from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.serving.past import Past


def test_a_store_that_is_away_is_not_asked_again_for_a_while(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FINQ_STORE_URL", "postgresql://finq:hidden@127.0.0.1:9/x")
    clock, asked = [0.0], []
    past = Past(tmp_path, lambda: clock[0])
    monkeypatch.setattr(past, "is_open", lambda: asked.append(clock[0]) or Past.is_open(past))
    assert [past.ask(str) for _ in range(5)] == [(None, "unavailable")] * 5
    assert asked == [0.0] * 2, "two refusals are enough to know"
    assert past.problem is not None
    assert "hidden" not in caplog.text
    assert caplog.text.count("cannot be looked up") == 1
    # The address is read again: it may be another one by then.
    monkeypatch.setenv("FINQ_STORE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    clock[0] = 11.0
    assert past.ask(str) == (None, "absent")
    assert past.problem is None
    assert past.standing() == (True, "Not there yet; it is made when the first answer is stored.")
    ServedStore(store_engine(tmp_path)).open()
    assert past.ask(lambda engine: engine.dialect.name) == ("sqlite", "read")
    assert past.standing() == (True, "A file beside the data.")
