"""The Data Docs of a market that was ingested: pages that need no network, with what is met and what is not."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.quality.data_docs import build_site
from finq_predictor.cli.data import data
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.tables import Layer
from synthetic_market_files import market_frames, write_market

ELSEWHERE = re.compile(r"""(?:src|href)=["']?https?://""")


def test_the_pages_of_a_market_open_without_a_network(ingestion, tmp_path):
    bars, benchmark = market_frames()
    ingestion.run("equity", "own", **write_market(tmp_path, bars, benchmark))
    done = CliRunner().invoke(data, ["docs", "--root", str(ingestion.root)], catch_exceptions=False)
    index = Layout(ingestion.root).data_docs("equity") / "index.html"
    assert done.output == f"equity: {index}\n"
    first = index.read_text(encoding="utf-8")
    links = [link.replace("%20", " ") for link in re.findall(r'href="([^"]+)"', first)]
    assert len(links) == 10, "five tables as delivered and as silver"
    assert all((index.parent / link).is_file() for link in links)
    assert 'class="failed"' not in first
    assert "min_bar_share" in first
    for page in index.parent.rglob("*.html"):
        assert not ELSEWHERE.search(page.read_text(encoding="utf-8")), page.name
    # Once more, in the place of the old pages.
    CliRunner().invoke(data, ["docs", "--root", str(ingestion.root), "--market", "equity"], catch_exceptions=False)
    assert index.is_file()
    assert [path.name for path in index.parent.parent.glob(".data_docs*")] == []


def test_what_is_not_met_is_counted_and_shown(tmp_path):
    ts = pd.date_range("2024-01-02 21:00", periods=4, tz="UTC", unit="us")
    good = pd.DataFrame({"ts": ts, "close": [1.0, 2.0, 3.0, 4.0], "known_at": ts})
    bad = good.assign(close=[1.0, -7.25, 3.0, 4.0])
    for name, frame, failed in (("good", good, 0), ("bad", bad, 1), ("text", good.assign(close="x"), 1)):
        (found,) = build_site("equity", {(Layer.SILVER, "benchmark"): frame}, None, tmp_path / name, "1", ts[-1])
        assert (found.failed, found.rows) == (failed, 4)
        assert found.met > 0
        (page,) = (tmp_path / name / "validations").rglob("*.html")
        text = page.read_text(encoding="utf-8")
        status = re.search(r"Status:</span>.*?(Failed|Succeeded)", text, re.DOTALL)
        assert status is not None
        assert status[1] == ("Failed" if failed else "Succeeded")
        assert ("-7.25" in text) == (name == "bad")
        assert f">{failed or 'none'}</span>" in (tmp_path / name / "index.html").read_text(encoding="utf-8")


def test_without_data_there_is_nothing_to_show(tmp_path):
    from finq_predictor.adapters.quality.data_docs import write_data_docs

    with pytest.raises(StoreError, match="Nothing of equity is stored"):
        write_data_docs(tmp_path, "equity")
