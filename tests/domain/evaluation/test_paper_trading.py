"""What is left of a profit: parts add up, costs are what was traded times its price, capital is borne by the law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.backtest import make_price_grid, run_backtest, trade, trade_weights
from finq_predictor.domain.evaluation.capacity import CAPITALS, CapitalBorne, capital_borne
from finq_predictor.domain.evaluation.net_worth import value_strategy
from finq_predictor.domain.evaluation.paper_trading import attribute_models, overfitting_of, trade_models
from finq_predictor.domain.evaluation.positions import QUANTILE, THRESHOLD
from finq_predictor.domain.evaluation.roll_over import nights_between
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import get_market
from synthetic_evaluation import make_bars

EQUITY, FX = get_market("equity"), get_market("fx")
RULES = BacktestRules(commission_bp=0.5, cost_bp=4.5, borrow_bp=50.0, impact=1.0, capital=1e7)


def ask(bars: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    probability = np.random.default_rng(seed).uniform(0.2, 0.8, len(bars))
    return bars[["ts", "instrument"]].assign(probability=probability, model="m")


@pytest.fixture(scope="module")
def bars():
    rng = np.random.default_rng(2)
    made = make_bars(320, 24, rng, np.zeros((320, 24)))
    return made.assign(sector=np.where(made["instrument"].str[-1].astype(int) % 2, "odd", "even"), volume=1e5)


@pytest.fixture(scope="module")
def level(bars):
    return bars.groupby("ts")["close"].mean().reset_index()


@pytest.fixture(scope="module")
def found(bars, level):
    return trade_models(ask(bars), bars, EQUITY, 5, RULES, 3, level)


@pytest.mark.parametrize("strategy", [QUANTILE, THRESHOLD])
@pytest.mark.parametrize("dimension", ["year", "sector", "side"])
def test_the_parts_of_a_profit_add_up_to_it(found, strategy, dimension):
    parts = found.parts[(found.parts["strategy"] == strategy) & (found.parts["dimension"] == dimension)]
    daily = found.daily[found.daily["strategy"] == strategy]
    assert parts["gross_return"].sum() == pytest.approx(daily["gross_return"].sum())
    assert parts["net_return"].sum() == pytest.approx(daily["net_return"].sum())
    assert len(parts) > 1


def test_the_kinds_of_cost_add_up_to_what_was_paid(found):
    paid = found.parts[found.parts["dimension"] == "cost"].groupby("strategy")["net_return"].sum()
    daily = found.daily.groupby("strategy")[["gross_return", "net_return"]].sum()
    pd.testing.assert_series_equal(
        -paid, daily["gross_return"] - daily["net_return"], check_names=False, check_exact=False, atol=1e-12
    )
    kinds = found.parts[(found.parts["dimension"] == "cost") & (found.parts["strategy"] == QUANTILE)]
    kinds = kinds.set_index("part")["net_return"]
    assert kinds["half the spread"] == pytest.approx(9.0 * kinds["commission"])
    assert kinds["slippage"] == pytest.approx(2.0 * kinds["commission"])
    assert kinds["roll-over"] == 0.0
    assert (kinds.drop(["roll-over", "hedge"]) < 0.0).all()


def test_a_capacity_curve_is_the_backtest_at_each_capital(found, bars, level):
    curve = found.capacity[found.capacity["strategy"] == QUANTILE].set_index("capital")
    assert tuple(curve.index) == CAPITALS
    for capital in (CAPITALS[0], CAPITALS[-1]):
        rules = replace(RULES, capital=capital)
        daily = run_backtest(ask(bars), make_price_grid(bars, rules, EQUITY, level), EQUITY, 5, rules, QUANTILE)
        assert curve.loc[capital, "net_return"] == pytest.approx(daily["net_return"].mean() * 252)
    assert curve["net_sharpe"].is_monotonic_decreasing
    share = curve["large_trades"].to_numpy() / np.array(CAPITALS)
    np.testing.assert_allclose(share, share[0])


def test_capital_is_borne_as_the_law_says():
    capital = np.array([1e6, 1e8])
    paid = 0.01 * np.sqrt(capital / 1e6)
    curve = pd.DataFrame(
        {
            "capital": capital,
            "net_return": 0.11 - paid,
            "impact": paid,
            "large_trades": 1e-9 * capital,
            "net_sharpe": 1.0,
        }
    )
    borne = capital_borne(curve)
    assert borne.break_even == pytest.approx(1.21e8)
    assert borne.most_profit == pytest.approx(1.21e8 * 4 / 9)
    assert borne.measured == pytest.approx(1e8)
    at = np.linspace(1e6, 1.2e8, 2000)
    money = at * (0.11 - 0.01 * np.sqrt(at / 1e6))
    assert at[money.argmax()] == pytest.approx(borne.most_profit, rel=1e-3)
    assert capital_borne(curve.assign(net_return=-0.5)).break_even == 0.0
    assert np.isnan(capital_borne(curve.iloc[:0]).break_even)


@pytest.mark.parametrize("without", ["volume", "impact"])
def test_without_a_law_there_is_no_capacity(bars, without):
    bare = bars.drop(columns=["volume"]) if without == "volume" else bars
    rules = RULES if without == "volume" else replace(RULES, impact=0.0)
    assert trade_models(ask(bare), bare, EQUITY, 5, rules, 1).capacity.empty


def test_the_four_answers(found):
    attribution = attribute_models(found.daily, found.factors, 5, EQUITY)
    overfitting = overfitting_of(found.daily)
    assert overfitting["strategy"].tolist() == sorted(found.daily["strategy"].unique())
    assert overfitting["probability"].isna().all(), "one model is no choice"

    def of(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["strategy"] == QUANTILE]

    net = of(found.daily)["net_return"]
    worth = value_strategy(net, of(found.capacity), of(attribution), of(overfitting), 5, EQUITY)
    assert worth.low < worth.earned < worth.high
    assert worth.earned == pytest.approx(net.mean() * 252)
    assert worth.market == "benchmark"
    assert worth.figures["alpha"] == pytest.approx(of(attribution).iloc[0]["exposure"])
    assert "overfitting" not in worth.figures
    nothing = value_strategy(
        net.iloc[:0], *(of(t).iloc[:0] for t in (found.capacity, attribution, overfitting)), 5, EQUITY
    )
    assert nothing.figures == {}
    assert nothing.capital == replace(CapitalBorne(), **nothing.capital.__dict__)


# Roll-over ---------------------------------------------------------------------------------------------------------


def test_nights_are_counted_as_dealers_do():
    """Summer time in New York: 17:00 is 21:00 UTC; in winter it is 22:00."""
    week = pd.date_range("2024-07-01", "2024-07-08", freq="h", tz="UTC")
    nights = pd.Series(nights_between(week), index=week)
    paid = nights[nights > 0.0]
    assert paid.index.strftime("%a %H").tolist() == ["Mon 21", "Tue 21", "Wed 21", "Thu 21", "Fri 21"]
    assert paid.tolist() == [1.0, 1.0, 3.0, 1.0, 1.0]
    winter = pd.DatetimeIndex(["2024-01-08 21:00", "2024-01-08 22:00"], tz="UTC")
    assert nights_between(winter).tolist() == [0.0, 1.0]
    assert nights_between(week[:0]).tolist() == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 600), st.integers(1, 40))
def test_a_week_has_seven_nights_however_it_is_cut(start, step):
    begin = pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(hours=start)
    cuts = pd.DatetimeIndex(
        [*pd.date_range(begin, begin + pd.Timedelta(days=7), freq=f"{step}h"), begin + pd.Timedelta(days=7)]
    )
    assert nights_between(cuts).sum() in (6.0, 7.0, 8.0) if _shifts(cuts) else nights_between(cuts).sum() == 7.0


def _shifts(cuts: pd.DatetimeIndex) -> bool:
    local = cuts[[0, -1]].tz_convert("America/New_York")
    return local[0].utcoffset() != local[1].utcoffset()


@pytest.mark.parametrize("execution", ["close", "open"])
def test_who_holds_over_night_pays_and_who_does_not_does_not(execution):
    ts = pd.date_range("2024-07-01 12:00", periods=24, freq="h", tz="UTC").as_unit("us")
    quotes = pd.DataFrame({"ts": ts, "instrument": "EUR_USD", "close": 1.1, "open": 1.1})
    rules = BacktestRules(
        cost_bp=0.0, slippage_bp=0.0, max_weight=1.0, roll_over_bp=365.0, execution=execution, min_instruments=9
    )

    def paid(hour: int) -> float:
        said = pd.DataFrame({"ts": [ts[hour]], "instrument": ["EUR_USD"], "probability": [0.9]})
        daily = run_backtest(said, make_price_grid(quotes, rules, FX), FX, 1, rules, THRESHOLD)
        return float((daily["gross_return"] - daily["net_return"]).sum())

    costs = {hour: paid(hour) for hour in range(4, 12)}
    # Decided at the close of an hour, held for one: from the next close, or from the open that follows at once.
    held = {hour: ts[hour] + pd.Timedelta(hours=1 if execution == "close" else 0) for hour in costs}
    night = pd.Timestamp("2024-07-01 21:00", tz="UTC")
    for hour, since in held.items():
        over = since < night <= since + pd.Timedelta(hours=1)
        assert costs[hour] == pytest.approx(1e-4 if over else 0.0), (hour, since)
    assert sum(costs.values()) == pytest.approx(1e-4)


# Turnover ----------------------------------------------------------------------------------------------------------


def turnover(bars: pd.DataFrame, **rules: float) -> pd.DataFrame:
    given = replace(BacktestRules(cost_bp=0.0, slippage_bp=0.0), **rules)
    return run_backtest(ask(bars), make_price_grid(bars, given, EQUITY), EQUITY, 5, given, QUANTILE)


def test_both_controls_are_off_by_default_and_trade_less_when_on(bars):
    plain = turnover(bars)
    same = turnover(bars, no_trade_band=1e-15)
    pd.testing.assert_frame_equal(plain, same)
    assert turnover(bars, no_trade_band=0.03)["turnover"].mean() < 0.8 * plain["turnover"].mean()
    capped = turnover(bars, max_turnover=0.15)
    assert capped["turnover"].max() == pytest.approx(0.15)
    assert plain["turnover"].max() > 0.2


def test_a_cap_trades_the_rest_in_later_bars_and_a_band_still_leaves_for_good():
    ts = pd.date_range("2024-01-02 21:00", periods=8, freq="B", tz="UTC").as_unit("us")
    bars = pd.DataFrame({"ts": ts, "instrument": "A", "close": 100.0, "open": 100.0})
    said = pd.DataFrame({"ts": ts[:2], "instrument": "A", "probability": 0.9})

    def held(**changes: float) -> list[float]:
        rules = replace(BacktestRules(max_weight=1.0), **changes)
        grid = make_price_grid(bars, rules, EQUITY)
        return trade(said, grid, EQUITY, 2, rules, THRESHOLD).held[:, 0].tolist()

    assert held() == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0])
    assert held(max_turnover=0.4) == pytest.approx([0.0, 0.4, 0.8, 0.5, 0.1, 0.0, 0.0, 0.0])
    assert held(no_trade_band=0.6) == pytest.approx([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    # Half, then a twentieth more and a twentieth left: the small change is not traded, the last small rest is.
    rules = replace(BacktestRules(), no_trade_band=0.1)
    decided = np.zeros((8, 1))
    decided[:2, 0] = 1.0, 0.1
    traded = trade_weights(decided, make_price_grid(bars, rules, EQUITY), EQUITY, 2, rules, slice(1, 8))
    assert traded.held[:, 0].tolist() == pytest.approx([0.0, 0.5, 0.5, 0.05, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"no_trade_band": 1.0}, "no_trade_band"),
        ({"no_trade_band": -0.1}, "no_trade_band"),
        ({"max_turnover": 0.0}, "max_turnover"),
        ({"roll_over_bp": -1.0}, "nobody is paid"),
        ({"commission_bp": float("nan")}, "nobody is paid"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(wrong, word):
    with pytest.raises(ConfigurationError, match=word):
        BacktestRules(**wrong)
