"""The backtest never trades on what it could not know, and charges for what it trades."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError, DataError, UnknownNameError
from finq_predictor.domain.evaluation.backtest import make_price_grid, run_backtest
from finq_predictor.domain.evaluation.paper_trading import trade_models
from finq_predictor.domain.evaluation.positions import EDGE, QUANTILE, STRATEGIES, THRESHOLD, Outlook, strategy_for
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import get_market

EQUITY, FX = get_market("equity"), get_market("fx")
FREE = BacktestRules(cost_bp=0.0, slippage_bp=0.0, quantile=0.2, long_above=0.5, short_below=0.5)
COSTLY = replace(FREE, cost_bp=5.0, slippage_bp=1.0)


def equity_bars(days: int = 60, instruments: int = 10, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ts = pd.date_range("2024-01-02 21:00", periods=days, freq="B", tz="UTC").as_unit("us")
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, (days, instruments)), axis=0))
    frame = pd.DataFrame(close, index=ts, columns=[f"S{i:02d}" for i in range(instruments)])
    bars = frame.rename_axis("ts").melt(ignore_index=False, var_name="instrument", value_name="close").reset_index()
    return bars.assign(open=bars["close"], adj_close=bars["close"] * 0.5).sort_values(
        ["ts", "instrument"], ignore_index=True
    )


def predictions_of(bars: pd.DataFrame, seed: int = 1, until: int | None = None) -> pd.DataFrame:
    keys = bars[["ts", "instrument"]].copy()
    keys["probability"] = np.random.default_rng(seed).uniform(0.3, 0.7, len(keys))
    return keys if until is None else keys[keys["ts"] <= sorted(bars["ts"].unique())[until]]


def foresight(bars: pd.DataFrame, lag: int, horizon: int) -> pd.DataFrame:
    wide = bars.pivot(index="ts", columns="instrument", values="close")
    future = (wide.shift(-lag - horizon) / wide.shift(-lag) - 1.0).iloc[: -lag - horizon]
    long = future.rank(axis=1, pct=True).melt(ignore_index=False, value_name="probability").reset_index()
    return long.assign(probability=long["probability"] * 0.9)


def result(
    bars: pd.DataFrame, predictions: pd.DataFrame, rules: BacktestRules, horizon: int = 5, strategy: str = QUANTILE
):
    return run_backtest(predictions, make_price_grid(bars, rules, EQUITY), EQUITY, horizon, rules, strategy)


def test_a_hand_made_case():
    """Two stocks, one decision: bought and sold at the next close, held two bars, half of the capital at work."""
    ts = pd.date_range("2024-01-01 21:00", periods=5, freq="D", tz="UTC")
    bars = pd.DataFrame(
        {"ts": ts.repeat(2), "instrument": ["A", "B"] * 5, "close": [100, 100, 100, 100, 110, 100, 110, 80, 200, 10]},
        dtype=object,
    ).astype({"close": float})
    predictions = pd.DataFrame({"ts": ts[[0, 0]], "instrument": ["A", "B"], "probability": [0.9, 0.1]})
    rules = BacktestRules(quantile=0.5, min_instruments=2, cost_bp=10.0, slippage_bp=0.0)
    daily = result(bars, predictions, rules, horizon=2)
    # Weights are +1/4 and -1/4: half long, half short, and one of two tranches.
    assert daily["gross_return"].tolist() == pytest.approx([0.0, 0.25 * 0.1, 0.25 * 0.2])
    assert daily["turnover"].tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert daily["net_return"].tolist() == pytest.approx([-0.0005, 0.025, 0.05 - 0.0005])
    assert daily["ts"].iloc[0] == pd.Timestamp("2024-01-02", tz="UTC"), "nothing happens on the day of the decision"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_perfect_foresight_earns_and_its_inverse_loses(strategy):
    bars = equity_bars()
    known = foresight(bars, lag=1, horizon=5)
    inverse = known.assign(probability=1.0 - known["probability"])
    assert result(bars, known, FREE, strategy=strategy)["gross_return"].sum() > 0.1
    assert result(bars, inverse, FREE, strategy=strategy)["gross_return"].sum() < -0.1


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("horizon", [1, 5])
def test_without_costs_net_is_gross(strategy, horizon):
    bars = equity_bars()
    daily = result(bars, predictions_of(bars), FREE, horizon, strategy)
    assert daily["net_return"].tolist() == pytest.approx(daily["gross_return"].tolist(), abs=1e-15)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(STRATEGIES)), st.integers(1, 7))
def test_costs_never_help_and_equal_turnover_times_rate(seed, strategy, horizon):
    bars = equity_bars(days=30, seed=seed)
    daily = result(bars, predictions_of(bars, seed), COSTLY, horizon, strategy)
    paid = daily["gross_return"] - daily["net_return"]
    assert (paid >= 0.0).all()
    assert paid.tolist() == pytest.approx((daily["turnover"] * 6e-4).tolist(), abs=1e-15)
    assert (daily["exposure"] <= 1.0 + 1e-12).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(STRATEGIES)), st.integers(12, 40))
def test_what_comes_later_changes_nothing_earlier(seed, strategy, cut):
    bars = equity_bars(seed=seed)
    predictions = predictions_of(bars, seed)
    whole = result(bars, predictions, COSTLY, 5, strategy)
    days = sorted(bars["ts"].unique())
    early = result(bars[bars["ts"] <= days[cut]], predictions[predictions["ts"] <= days[cut]], COSTLY, 5, strategy)
    pd.testing.assert_frame_equal(early, whole.iloc[: len(early)])

    shuffled = bars.copy()
    later = shuffled["ts"] > days[cut]
    shuffled.loc[later, "adj_close"] = np.random.default_rng(seed).permutation(shuffled.loc[later, "adj_close"])
    other = result(shuffled, predictions, COSTLY, 5, strategy)
    pd.testing.assert_frame_equal(other.iloc[: len(early)], whole.iloc[: len(early)])


def test_no_position_before_the_decision_can_be_traded():
    bars = equity_bars()
    days = sorted(bars["ts"].unique())
    predictions = predictions_of(bars)
    late = predictions[predictions["ts"] >= days[20]]
    daily = result(bars, late, FREE)
    assert daily["ts"].min() == pd.Timestamp(days[21]).floor("D")
    assert daily["gross_return"].iloc[0] == 0.0


def test_equal_probabilities_trade_nothing():
    bars = equity_bars()
    daily = result(bars, predictions_of(bars).assign(probability=0.52), FREE)
    assert (daily["exposure"] == 0.0).all()


def test_the_threshold_strategy_keeps_out_of_the_middle_and_caps_weights():
    bars = equity_bars()
    rules = replace(FREE, long_above=0.6, short_below=0.4, max_weight=0.1)
    one = predictions_of(bars).assign(probability=0.5)
    one.loc[one["instrument"] == "S03", "probability"] = 0.8
    daily = result(bars, one, rules, 1, THRESHOLD)
    assert daily["exposure"].iloc[:-1].tolist() == pytest.approx([0.1] * (len(daily) - 1))
    assert (daily["n_short"] == 0.0).all()


def test_a_missing_price_cannot_be_traded_and_the_move_arrives_when_it_returns():
    ts = pd.date_range("2024-01-01 21:00", periods=5, freq="D", tz="UTC")
    close = [100.0, 100.0, np.nan, 120.0, 120.0]
    bars = pd.DataFrame({"ts": ts, "instrument": "A", "close": close})
    rules = BacktestRules(cost_bp=0.0, slippage_bp=0.0, max_weight=1.0)
    held = pd.DataFrame({"ts": ts[:1], "instrument": "A", "probability": 0.9})
    assert result(bars, held, rules, 3, THRESHOLD)["gross_return"].tolist() == pytest.approx([0, 0, 0.2 / 3, 0])
    blocked = pd.DataFrame({"ts": ts[1:2], "instrument": "A", "probability": 0.9})
    assert result(bars, blocked, rules, 1, THRESHOLD)["exposure"].sum() == 0.0


def fx_bars(hours: int = 24 * 12, spread: float = 0.0002, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ts = pd.date_range("2024-01-07 22:00", periods=hours, freq="h", tz="UTC")
    ts = ts[(ts.day_of_week < 5) | ((ts.day_of_week == 6) & (ts.hour >= 22))]
    close = 1.1 * np.exp(np.cumsum(rng.normal(0.0, 0.001, len(ts))))
    opened = np.concatenate([[1.1], close[:-1]])
    frame = pd.DataFrame({"ts": ts, "instrument": "EUR_USD", "open": opened, "close": close})
    return frame.assign(bid_open=opened - spread / 2, ask_open=opened + spread / 2)


def test_fx_pays_half_the_quoted_spread_at_the_next_open():
    bars = fx_bars()
    rules = BacktestRules(execution="open", slippage_bp=0.0, max_weight=1.0, cost_bp=99.0)
    one = pd.DataFrame({"ts": bars["ts"].iloc[[5]], "instrument": "EUR_USD", "probability": 0.9})
    daily = run_backtest(one, make_price_grid(bars, rules, FX), FX, 1, rules, THRESHOLD)
    opened = bars["open"].to_numpy()
    assert daily["gross_return"].sum() == pytest.approx(opened[7] / opened[6] - 1.0)
    assert (daily["gross_return"] - daily["net_return"]).sum() == pytest.approx(0.0001 / opened[6] + 0.0001 / opened[7])


def test_fx_without_quotes_pays_the_default():
    bars = fx_bars().drop(columns=["bid_open", "ask_open"])
    rules = BacktestRules(execution="open", slippage_bp=0.5, max_weight=1.0, cost_bp=1.0)
    one = pd.DataFrame({"ts": bars["ts"].iloc[[5]], "instrument": "EUR_USD", "probability": 0.9})
    daily = run_backtest(one, make_price_grid(bars, rules, FX), FX, 1, rules, THRESHOLD)
    assert (daily["gross_return"] - daily["net_return"]).sum() == pytest.approx(2 * 1.5e-4)


def test_masked_hours_open_nothing():
    bars = fx_bars()
    rules = BacktestRules(execution="open", max_weight=1.0)
    always = bars[["ts", "instrument"]].assign(probability=0.9)
    never = replace(FX, masked_hours_utc=tuple(range(24)))
    assert run_backtest(always, make_price_grid(bars, rules, FX), never, 1, rules, THRESHOLD)["exposure"].sum() == 0.0
    masked = always[FX.is_masked(always["ts"])]
    assert set(masked["ts"].dt.hour) == {21, 22, 23}
    assert run_backtest(masked, make_price_grid(bars, rules, FX), FX, 1, rules, THRESHOLD)["exposure"].sum() == 0.0


def test_sunday_hours_belong_to_monday():
    bars = fx_bars()
    rules = BacktestRules(execution="open", max_weight=1.0)
    always = bars[["ts", "instrument"]].assign(probability=0.9)
    daily = run_backtest(always, make_price_grid(bars, rules, FX), FX, 1, rules, THRESHOLD)
    assert daily["ts"].dt.day_of_week.max() <= 4
    assert daily["ts"].is_unique


def test_all_models_and_strategies_side_by_side():
    bars = equity_bars()
    oos = pd.concat([predictions_of(bars, seed).assign(model=name) for seed, name in enumerate(["prior", "logistic"])])
    daily, summary, *_ = trade_models(oos, bars, EQUITY, 5, COSTLY, trials=10)
    assert set(map(tuple, daily[["model", "strategy"]].drop_duplicates().to_numpy())) == {
        (model, strategy) for model in ("prior", "logistic") for strategy in STRATEGIES
    }
    wide = summary.set_index(["model", "strategy", "measure"])
    assert wide.loc[("logistic", QUANTILE, "sharpe"), "net"] < wide.loc[("logistic", QUANTILE, "sharpe"), "gross"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"entry_lag": 0}, "entry_lag"),
        ({"execution": "vwap"}, "vwap"),
        ({"quantile": 0.7}, "quantile"),
        ({"cost_bp": -1.0}, "nobody is paid"),
        ({"borrow_bp": -1.0}, "nobody is paid"),
        ({"hedge_bp": -1.0}, "nobody is paid"),
        ({"move_bars": 1}, "move_bars"),
        ({"capital": 0.0}, "capital"),
        ({"short_below": 0.7}, "short_below"),
    ],
)
def test_rules_that_look_ahead_or_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ConfigurationError, match=said):
        BacktestRules(**wrong)


def test_predictions_without_bars_are_refused():
    bars = equity_bars()
    with pytest.raises(DataError, match="have no bar, such as GONE"):
        result(bars, predictions_of(bars).assign(instrument="GONE"), FREE)
    with pytest.raises(DataError, match="no prediction"):
        result(bars, predictions_of(bars).iloc[:0], FREE)
    with pytest.raises(DataError, match="lack"):
        make_price_grid(bars.drop(columns="open"), replace(FREE, execution="open"), EQUITY)
    with pytest.raises(UnknownNameError, match="Unknown strategy 'martingale'"):
        result(bars, predictions_of(bars), FREE, strategy="martingale")


# One instrument, few, many ---------------------------------------------------------------------------------------


def test_one_pair_is_traded_for_itself_where_its_edge_is_above_the_cost():
    """A pair whose next hour is known half of the time; the ranking of one can never trade it."""
    bars = fx_bars(hours=24 * 120, spread=0.0001)
    future = (bars["open"].shift(-2) / bars["open"].shift(-1) - 1.0).fillna(0.0)
    known = bars[["ts", "instrument"]].assign(probability=0.5 + 0.3 * np.sign(future))
    rules = BacktestRules(execution="open", slippage_bp=0.1, max_weight=1.0, min_instruments=4)
    grid = make_price_grid(bars, rules, FX)
    assert strategy_for(known, rules) == EDGE
    assert run_backtest(known, grid, FX, 1, rules, QUANTILE)["exposure"].sum() == 0.0
    assert run_backtest(known, grid, FX, 1, rules, EDGE)["net_return"].sum() > 0.5
    # A probability that promises less than half the spread twice is not acted upon.
    timid = known.assign(probability=0.5 + 0.01 * np.sign(future))
    assert run_backtest(timid, grid, FX, 1, rules, EDGE)["exposure"].sum() == 0.0


def test_an_edge_is_held_until_it_changes_sides():
    bars = fx_bars(hours=24 * 40, spread=0.0001)
    hours = np.arange(len(bars))
    told = np.where(hours % 50 == 30, 0.9, np.where(hours % 50 == 40, 0.49, 0.51))
    rules = BacktestRules(execution="open", max_weight=1.0)
    always_open = replace(FX, masked_hours_utc=())
    said = bars[["ts", "instrument"]].assign(probability=told)
    grid = make_price_grid(bars, rules, FX)
    weights = STRATEGIES[EDGE](Outlook(told[:, None], grid.returns, grid.side_cost), rules)[:, 0]
    cycle = weights[100:150]
    assert cycle[30:40].tolist() == [1.0] * 10
    assert np.count_nonzero(cycle) == 10
    assert run_backtest(said, grid, always_open, 1, rules, EDGE)["turnover"].sum() > 0.0


def test_many_instruments_are_ranked():
    bars = equity_bars()
    assert strategy_for(predictions_of(bars), BacktestRules(min_instruments=5)) == QUANTILE
    assert strategy_for(predictions_of(bars), BacktestRules(min_instruments=11)) == EDGE


def test_several_models_of_one_pair_are_no_instruments_to_rank():
    """Six models that speak of one pair are six predictions of each hour, and none of them can be ranked."""
    bars = fx_bars()
    oos = pd.concat([predictions_of(bars, seed).assign(model=f"m{seed}") for seed in range(6)])
    assert strategy_for(oos, BacktestRules(min_instruments=5)) == EDGE
    many = pd.concat([predictions_of(equity_bars(), seed).assign(model=f"m{seed}") for seed in range(2)])
    assert strategy_for(many, BacktestRules(min_instruments=10)) == QUANTILE
    assert strategy_for(many, BacktestRules(min_instruments=11)) == EDGE


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_who_is_not_spoken_of_is_neither_bought_nor_kept(strategy):
    """A missing probability is no position, whatever was held before, and takes no place in a ranking."""
    rng = np.random.default_rng(0)
    probability = np.where(rng.random((80, 10)) < 0.5, np.nan, rng.uniform(0.2, 0.8, (80, 10)))
    outlook = Outlook(probability, rng.normal(0.0, 0.02, (80, 10)), np.full((80, 10), 1e-4))
    rules = BacktestRules(quantile=0.2, min_instruments=3)
    weights = STRATEGIES[strategy](outlook, rules)
    assert (weights[np.isnan(probability)] == 0.0).all()
    assert (weights[-40:] != 0.0).any()
    ranked = np.isfinite(probability).sum(axis=1) >= 5
    if strategy == QUANTILE:
        long, short = ((side * weights[ranked] > 0.0).any(axis=1) for side in (1.0, -1.0))
        assert long.all()
        assert short.all(), "a fifth of five that are known is one"


def test_a_bar_in_which_nothing_was_traded_says_nothing_about_moves():
    """Half of the bars have no return: what the others move is what a position may earn."""
    returns = np.where(np.arange(60) % 2 == 0, 0.01, 0.0).reshape(-1, 1)
    probability, cost = np.full((60, 1), 0.55), np.full((60, 1), 0.0004)
    assert STRATEGIES[EDGE](Outlook(probability, returns, cost), BacktestRules(move_bars=40)).any()


# Hedge, borrowing, impact ------------------------------------------------------------------------------------------


def market_bars(days: int = 500, beta: float = 1.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ten stocks that follow an index and little else, and the index."""
    rng = np.random.default_rng(3)
    ts = pd.bdate_range("2022-01-03 21:00", periods=days, tz="UTC").as_unit("us")
    index = rng.normal(0.0005, 0.01, days)
    own = rng.normal(0.0, 0.002, (days, 10))
    close = 100.0 * np.cumprod(1.0 + beta * index[:, None] + own, axis=0)
    frame = pd.DataFrame(close, index=ts, columns=[f"S{i:02d}" for i in range(10)]).rename_axis("ts")
    bars = frame.melt(ignore_index=False, var_name="instrument", value_name="close").reset_index()
    level = pd.DataFrame({"ts": ts, "close": 50.0 * np.cumprod(1.0 + index)})
    return bars.assign(open=bars["close"], adj_close=bars["close"]), level


@pytest.mark.parametrize("strategy", [THRESHOLD, EDGE])
def test_a_strategy_that_calls_all_at_once_does_not_earn_the_market(strategy):
    bars, level = market_bars()
    # It believes in everything for a month, then in nothing for a month.
    month = bars["ts"].dt.month % 2
    said = bars[["ts", "instrument"]].assign(probability=np.where(month == 1, 0.9, 0.1), model="m")
    rules = replace(FREE, max_weight=1.0)
    _, bare, *_ = trade_models(said, bars, EQUITY, 1, rules, 1)
    _, hedged, *_ = trade_models(said, bars, EQUITY, 1, rules, 1, level)
    figures = hedged.set_index(["strategy", "measure"])["net"]
    assert np.isnan(bare.set_index(["strategy", "measure"])["net"][strategy, "beta"])
    assert abs(figures[strategy, "market_correlation"]) < 0.2
    assert abs(figures[strategy, "beta"]) < 0.05
    unhedged = run_backtest(said, make_price_grid(bars, rules, EQUITY), EQUITY, 1, rules, strategy)
    signs = np.where(pd.DatetimeIndex(unhedged["ts"]).month % 2 == 1, 1.0, -1.0)
    index = level.set_index(level["ts"].dt.floor("D"))["close"].pct_change().reindex(unhedged["ts"]).to_numpy()
    assert np.corrcoef(unhedged["gross_return"], signs * index)[0, 1] > 0.7, "without a hedge it is the market"


def test_the_hedge_is_paid_for():
    bars, level = market_bars(days=60)
    said = bars[["ts", "instrument"]].assign(probability=0.9)
    grid = make_price_grid(bars, FREE, EQUITY, level)
    daily = run_backtest(said, grid, EQUITY, 1, FREE, THRESHOLD)
    # All of the capital is in ten stocks to the end: the index is sold once, at one basis point.
    assert (daily["gross_return"] - daily["net_return"]).sum() == pytest.approx(1e-4)
    assert daily["turnover"].sum() == pytest.approx(2.0)


def test_the_hedge_earns_from_the_bar_after_the_one_in_which_it_is_sold():
    """Half of the capital in a stock that rests, for two bars, while the index rises by a tenth in every bar."""
    ts = pd.date_range("2024-01-01 21:00", periods=6, freq="D", tz="UTC")
    bars = pd.DataFrame({"ts": ts, "instrument": "A", "close": 100.0})
    level = pd.DataFrame({"ts": ts, "close": 100.0 * 1.1 ** np.arange(6)})
    rules = replace(FREE, max_weight=1.0, hedge_bp=10.0)
    said = pd.DataFrame({"ts": ts[:1], "instrument": "A", "probability": [0.9]})
    daily = run_backtest(said, make_price_grid(bars, rules, EQUITY, level), EQUITY, 2, rules, THRESHOLD)
    assert daily["gross_return"].tolist() == pytest.approx([0.0, -0.05, -0.05])
    assert daily["net_return"].tolist() == pytest.approx([-0.0005, -0.05, -0.05 - 0.0005])
    assert daily["turnover"].tolist() == pytest.approx([1.0, 0.0, 1.0])


def test_a_dividend_and_a_split_are_no_moves():
    ts = pd.date_range("2024-01-01 21:00", periods=5, freq="D", tz="UTC")
    bars = pd.DataFrame({"ts": ts, "instrument": "A", "close": [100.0, 100.0, 50.0, 50.0, 45.0]})
    bars = bars.assign(adj_close=[45.0, 45.0, 45.0, 45.0, 45.0], open=bars["close"])
    for execution in ("close", "open"):
        grid = make_price_grid(bars, replace(FREE, execution=execution), EQUITY)
        np.testing.assert_allclose(grid.returns, 0.0, atol=1e-12)


def test_short_positions_pay_to_borrow_and_large_trades_move_the_price():
    bars = equity_bars(days=300).assign(volume=1e4)
    said = predictions_of(bars).assign(probability=0.1)
    rules = replace(FREE, max_weight=0.1)

    def paid(**changes):
        daily = result(bars, said, replace(rules, **changes), 1, THRESHOLD)
        return (daily["gross_return"] - daily["net_return"]).sum(), daily["exposure"].sum()

    fee, exposure = paid(borrow_bp=252.0)
    assert fee == pytest.approx(exposure * 1e-4, rel=0.01)
    assert paid()[0] == 0.0
    turn = bars["ts"].rank(method="dense") % 2 == 0
    said = said.assign(probability=np.where(turn, 0.1, 0.9))
    small, large = (paid(impact=1.0, capital=capital)[0] for capital in (1e4, 1e6))
    assert large == pytest.approx(10.0 * small)
    # Each day a fifth of a million changes sides in each of ten stocks, of which a million is traded and which move by
    # two per cent a day.
    assert large / 300 == pytest.approx(10 * 0.2 * 0.02 * np.sqrt(0.2), rel=0.3)


# Instruments that rest or end ------------------------------------------------------------------------------------


def one_holding(prices: list[float], size: int = 60, rules: BacktestRules = FREE) -> pd.DataFrame:
    """A is held from the second bar on, five bars of which each renews a fifth; B never moves."""
    ts = pd.date_range("2024-01-02 21:00", periods=size, freq="B", tz="UTC").as_unit("us")
    a = pd.DataFrame({"ts": ts[: len(prices)], "instrument": "A", "close": prices}).dropna()
    b = pd.DataFrame({"ts": ts, "instrument": "B", "close": 100.0})
    bars = pd.concat([a, b]).assign(open=lambda frame: frame["close"], adj_close=lambda frame: frame["close"])
    asked = pd.DataFrame({"ts": a["ts"], "instrument": "A", "probability": 0.9})
    rules = replace(rules, max_weight=1.0, long_above=0.6, short_below=0.4)
    return result(bars, asked, rules, strategy=THRESHOLD)


def test_what_ends_is_left_at_the_return_of_a_delisting():
    daily = one_holding([100.0] * 30)
    lost = daily[daily["gross_return"] != 0.0]
    # All of the capital is in A when its prices end; the loss comes with the bar after the last price.
    assert lost["gross_return"].tolist() == pytest.approx([EQUITY.delisting_return])
    assert lost["exposure"].tolist() == [0.0]
    assert (lost["ts"] == pd.bdate_range("2024-01-02", periods=31, tz="UTC")[-1]).all()
    assert one_holding([100.0] * 30, rules=replace(FREE, delisting_return=-1.0))["gross_return"].sum() == pytest.approx(
        -1
    )
    assert one_holding([100.0] * 30, rules=replace(FREE, delisting_return=0.0))["gross_return"].sum() == 0.0


def test_an_instrument_whose_end_is_not_certain_loses_nothing():
    assert one_holding([100.0] * 45)["gross_return"].sum() == 0.0


def test_who_cannot_sell_keeps_it_until_the_next_price():
    daily = one_holding([*[100.0] * 10, *[np.nan] * 8, 50.0, 50.0, 50.0])
    # Longer than the holding period without a price: the whole position is still there when the price is back.
    assert daily["gross_return"].min() == pytest.approx(-0.5)
    assert (daily["exposure"].iloc[9:16] == daily["exposure"].iloc[9]).all()


def test_a_return_of_a_delisting_below_everything_is_refused():
    with pytest.raises(ConfigurationError, match="nothing loses more than all of it"):
        BacktestRules(delisting_return=-1.5)


@pytest.mark.parametrize(("cost", "trades"), [(0.00049, True), (0.00051, False)])
def test_an_edge_has_to_pay_for_the_way_in_and_the_way_out(cost, trades):
    """A probability of 0.55 and moves of a hundredth promise a thousandth; both ways cost twice the side."""
    returns = np.where(np.arange(60) % 2 == 0, 0.01, -0.01).reshape(-1, 1)
    probability, sides = np.full((60, 1), 0.55), np.full((60, 1), cost)
    assert STRATEGIES["edge"](Outlook(probability, returns, sides), BacktestRules(move_bars=40)).any() == trades
