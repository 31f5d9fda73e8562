"""Each kind of file through the command, and the command that it prints through a run."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.cli import cli
from synthetic_market_files import market_frames
from synthetic_own_tables import hourly_bars

BARS, BENCHMARK = market_frames(4)


@pytest.fixture
def conf(project_path, tmp_path):
    """The base configuration in a place of its own."""
    for name in ("base", "own"):
        shutil.copytree(project_path / "conf" / name, tmp_path / "conf" / name)
    (tmp_path / "conf" / "local").mkdir()
    shutil.copy(project_path / "conf" / "logging.yml", tmp_path / "conf")
    BENCHMARK.to_csv(tmp_path / "benchmark.csv", index=False)
    return tmp_path / "conf"


def _init(conf: Path, file: Path | str, *options: str, benchmark: bool = True):
    given = ["--benchmark", str(conf.parent / "benchmark.csv")] if benchmark else []
    return CliRunner().invoke(cli, ["init", "--from", str(file), "--conf", str(conf), *given, *options])


def _parameters(conf: Path, name: str) -> dict:
    return yaml.safe_load((conf / name / "parameters" / "ingestion.yml").read_text()) or {}


def _run(project: Path, printed: str, root: Path, market: str) -> subprocess.CompletedProcess:
    """The command as it was printed, up to silver, and into a folder of the test."""
    words = shlex.split(re.search(r"kedro run.*", printed)[0])
    words = [str(Path(sys.executable).parent / words[0]), *words[1:], f"--namespaces=ingestion.{market}"]
    words += ["--params", f"data_root={root}"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def _files(folder: Path) -> dict[str, Path]:
    """One file of each kind."""
    names = {"symbol": "RIC", "date": "Trading Date", "open": "PX_OPEN", "high": "PX_HIGH", "low": "PX_LOW"}
    made = {name: folder / file for name, file in KINDS.items()}
    BARS.rename(columns={**names, "close": "PX_LAST"}).to_parquet(made["names"], index=False)
    dates = pd.to_datetime(BARS["date"]).dt.strftime("%d.%m.%Y")
    BARS.assign(date=dates).to_csv(made["semicolons"], sep=";", index=False)
    hourly_bars("XNYS", "Europe/Berlin", ["AAA", "BBB"]).to_csv(made["hours"], index=False)
    quotes = hourly_bars("24/5", "UTC", ["x"]).drop(columns=["symbol", "volume"])
    quotes.to_json(made["quotes"], orient="records", lines=True)
    return made


KINDS = {"names": "px.parquet", "semicolons": "Euro Prices.csv", "hours": "hours.csv", "quotes": "EUR_USD.jsonl"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "market", "name", "reading"),
    [
        ("semicolons", "equity", "euro_prices", {"day_first": True}),
        ("hours", "equity", "hours", {"bar_minutes": 60, "timezone": "Europe/Berlin"}),
        ("quotes", "fx", "eur_usd", {}),
    ],
)  # fmt: skip
def test_the_command_that_is_printed_works_at_once(project_path, conf, tmp_path, kind, market, name, reading):
    file = _files(tmp_path)[kind]
    done = _init(conf, file, benchmark=kind == "semicolons")
    assert done.exit_code == 0, done.output
    assert _parameters(conf, name).get(market, {}).get("ingestion", {}).get("reading", {}) == reading
    _run(project_path, done.output, tmp_path / "data", market)
    provenance = json.loads(path_of(tmp_path / "data", market, "provenance").read_text())
    assert (provenance["source"], provenance["simulated"]) == ("own", False)
    silver = pd.read_parquet(path_of(tmp_path / "data", market, "silver_bars"))
    first = hourly_bars("XNYS", "UTC", ["x"])["time"].min()
    truth = {"quotes": "2023-01-02 23:00", "hours": f"{pd.Timestamp(first) + pd.Timedelta(hours=1)}"}
    assert silver["ts"].min() == pd.Timestamp(truth.get(kind, "2023-01-03 21:00"), tz="UTC")
    assert set(silver["instrument"]) == {"hours": {"AAA", "BBB"}, "quotes": {"EUR_USD"}}.get(kind, set(BARS["symbol"]))


def test_other_names_of_columns_are_written_down(conf, tmp_path):
    done = _init(conf, _files(tmp_path)["names"])
    assert done.exit_code == 0, done.output
    prices = {"open": "PX_OPEN", "high": "PX_HIGH", "low": "PX_LOW", "close": "PX_LAST"}
    reading = _parameters(conf, "px")["equity"]["ingestion"]["reading"]
    assert reading == {"columns": {"bars": {"time": "Trading Date", **prices}}}


def test_the_overlay_says_only_what_differs(conf, tmp_path):
    many, benchmark = market_frames(20)
    many.to_csv(tmp_path / "prices.csv", index=False)
    benchmark.to_csv(tmp_path / "benchmark.csv", index=False)
    done = _init(conf, tmp_path / "prices.csv", "--name", "mine")
    assert done.exit_code == 0, done.output
    assert _parameters(conf, "mine") == {}
    assert yaml.safe_load((conf / "mine" / "globals.yml").read_text()) == {"root": "data/mine"}
    sources = yaml.safe_load((conf / "mine" / "catalog" / "sources.yml").read_text())
    assert sources["equity.source_bars"]["source"]["filepath"] == str(tmp_path / "prices.csv")
    assert {entry["source"]["class"].rpartition(".")[2] for entry in sources.values()} == {"OwnFileSource"}
    assert sorted(path.name for path in conf.iterdir()) == ["base", "local", "logging.yml", "mine", "own"]


def test_a_path_stays_as_it_was_given(conf, tmp_path, monkeypatch):
    BARS.to_csv(tmp_path / "prices.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert _init(conf, "prices.csv").exit_code == 0
    sources = yaml.safe_load((conf / "prices" / "catalog" / "sources.yml").read_text())
    assert sources["equity.source_bars"]["source"]["filepath"] == "prices.csv"


def test_a_gate_that_would_close_for_few_instruments_is_lowered_aloud(conf, tmp_path):
    BARS.to_csv(tmp_path / "prices.csv", index=False)
    done = _init(conf, tmp_path / "prices.csv")
    assert "min_instruments is lowered from 20 to 4" in done.output
    assert _parameters(conf, "prices")["equity"]["ingestion"]["gates"] == {"min_instruments": 4}


def test_without_a_benchmark_shares_are_compared_with_their_mean_and_it_is_said(conf, tmp_path):
    BARS.to_csv(tmp_path / "prices.csv", index=False)
    done = _init(conf, tmp_path / "prices.csv", benchmark=False)
    assert "compared with the mean of all shares of the file, which is not the market" in done.output
    assert '--params "benchmark=FILE"' in done.output
    options = yaml.safe_load((conf / "prices" / "catalog" / "sources.yml").read_text())["equity.source_benchmark"]
    assert options["source"]["class"].endswith("MeanOfBarsSource")
    assert options["source"]["filepath"] == "${runtime_params:benchmark,null}"


def test_what_is_there_is_not_replaced_unless_it_is_ours_and_asked_for(conf, tmp_path):
    BARS.to_csv(tmp_path / "prices.csv", index=False)
    assert _init(conf, tmp_path / "prices.csv").exit_code == 0
    again = _init(conf, tmp_path / "prices.csv")
    assert (again.exit_code, "give --force to replace it" in again.output) == (1, True)
    assert _init(conf, tmp_path / "prices.csv", "--force").exit_code == 0
    for name in ("base", "own", "local"):
        kept = _init(conf, tmp_path / "prices.csv", "--force", "--name", name)
        assert (kept.exit_code, "stays as it is" in kept.output) == (1, True)


def test_columns_and_an_instrument_can_be_named(conf, tmp_path):
    one = BARS[BARS["symbol"] == "S00"].drop(columns="symbol").rename(columns={"close": "a", "open": "b"})
    one.to_csv(tmp_path / "prices.csv", index=False)
    done = _init(conf, tmp_path / "prices.csv", "--instrument", "acme", "--column", "close=a", "--column", "open=b")
    assert done.exit_code == 0, done.output
    said = _parameters(conf, "prices")["equity"]["ingestion"]["reading"]
    assert said == {"instrument": "acme", "columns": {"bars": {"close": "a", "open": "b"}}}


def _wide(folder: Path) -> Path:
    BARS.pivot(index="date", columns="symbol", values="close").to_csv(folder / "wide.csv")
    return folder / "wide.csv"


def _unknown(folder: Path) -> Path:
    BARS.rename(columns={"close": "worth"}).to_csv(folder / "odd.csv", index=False)
    return folder / "odd.csv"


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda folder: folder / "benchmrk.csv", (), "There is no file .*benchmrk.csv.*Did you mean 'benchmark.csv'"),
        (_unknown, (), "(?s)Missing: close.*Found columns: .*'worth'"),
        (_wide, (), "has a column for each instrument; a run needs one row per bar. Write it anew"),
        (_unknown, ("--column", "close"), "'close' is no OURS=THEIRS"),
        (
            _unknown,
            ("--column", "close=wort"),
            "names the column 'wort', which was not delivered. Did you mean 'worth",
        ),
        (_unknown, ("--name", "My Prices"), "The name 'My Prices' has other signs than"),
        (_unknown, ("--conf", "nowhere"), "nowhere has no folder `base`"),
    ],
)
def test_bad_input_is_said_with_what_to_do_and_nothing_is_written(conf, tmp_path, make, options, message):
    before = sorted(conf.rglob("*"))
    done = _init(conf, make(tmp_path), *options)
    assert done.exit_code in (1, 2)
    assert re.search(message, done.output), done.output
    assert "Traceback" not in done.output
    assert sorted(conf.rglob("*")) == before
