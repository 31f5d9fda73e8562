"""The recursions of the simulator, compiled; nothing here draws random numbers."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.compiling import compiled

MAX_VARIANCE = 30.0


@compiled
def gjr_path(shocks: np.ndarray, alpha: float, gamma: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """GJR-GARCH (Glosten, Jagannathan, Runkle, 1993) with long-run variance one.

    Args:
        shocks: T shocks of unit variance.
        alpha: Reaction to any shock.
        gamma: Additional reaction to a negative shock, the leverage effect.
        beta: Persistence.

    Returns:
        T innovations, and the T variances that were known one step before.
    """
    omega = 1.0 - alpha - 0.5 * gamma - beta
    innovations = np.empty(shocks.size)
    variances = np.empty(shocks.size)
    variance = 1.0
    for t in range(shocks.size):
        variances[t] = variance
        innovation = np.sqrt(variance) * shocks[t]
        innovations[t] = innovation
        reaction = alpha + (gamma if innovation < 0.0 else 0.0)
        variance = min(omega + reaction * innovation * innovation + beta * variance, MAX_VARIANCE)
    return innovations, variances


@compiled
def equity_returns(
    shocks: np.ndarray,
    news: np.ndarray,
    jumps: np.ndarray,
    common: np.ndarray,
    common_scale: np.ndarray,
    volatility: np.ndarray,
    garch: np.ndarray,
    weights: np.ndarray,
    strength: np.ndarray,
    memories: np.ndarray,
    horizon: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Daily simple total returns of N stocks and what was expected of them.

    The planted drift of day t is ``volatility * (weights * strength[:, t]) @ states[t - 1]`` with three states, each a
    linear, decaying memory of what happened up to t - 1: short residual shocks, long residual shocks, news. The path of
    strengths is fixed beforehand and does not depend on what happens. So every conditional expectation is exact, given
    that path: state j contributes ``memories[j] ** k`` of its weight k days on, times the strength of the day.

    Args:
        shocks: (N, T) residual shocks of unit variance.
        news: (N, T) surprises of articles, 0 where there is none.
        jumps: (N, T) jumps in units of volatility.
        common: (N, T) return of the factors, loadings applied.
        common_scale: (T,) common variance multiplier of residual shocks, known one day before.
        volatility: (N,) long-run daily residual volatility.
        garch: alpha, gamma, beta of residual variance.
        weights: Weights of the three states.
        strength: (3, T) what the weights are worth on a day; the last day's counts behind the end.
        memories: Daily decay of the three states.
        horizon: Days of the expectation that starts at the next close.

    Returns:
        Returns (N, T); residual shock in units of its own standard deviation (N, T); residual standard deviation
        known one day before (N, T); expected return from close t + 1 to t + 1 + horizon, known at t (N, T); expected
        return of the next day, known at t (N, T).
    """
    count, days = shocks.shape
    returns = np.empty((count, days))
    surprise = np.empty((count, days))
    deviation = np.empty((count, days))
    expected = np.empty((count, days))
    expected_next = np.empty((count, days))
    alpha, gamma, beta = garch
    omega = 1.0 - alpha - 0.5 * gamma - beta
    ahead = np.zeros((3, days))
    for j in range(3):
        for t in range(days):
            for k in range(1, horizon + 1):
                ahead[j, t] += strength[j, min(t + 1 + k, days - 1)] * memories[j] ** k
    fresh = np.sqrt(1.0 - memories * memories)
    for i in range(count):
        variance, short, long, told = 1.0, 0.0, 0.0, 0.0
        level = volatility[i]
        for t in range(days):
            drift = level * (
                weights[0] * strength[0, t] * short
                + weights[1] * strength[1, t] * long
                + weights[2] * strength[2, t] * told
            )
            scale = level * np.sqrt(variance * common_scale[t])
            shock = shocks[i, t] + 0.25 * news[i, t]
            move = drift + common[i, t] + scale * shock + level * jumps[i, t]
            returns[i, t] = min(max(move, -0.7), 1.5)
            surprise[i, t] = shock + level * jumps[i, t] / scale
            deviation[i, t] = scale
            reaction = alpha + (gamma if shock < 0.0 else 0.0)
            variance = min(omega + reaction * variance * shock * shock + beta * variance, MAX_VARIANCE)
            bounded = min(max(surprise[i, t], -4.0), 4.0)
            short = memories[0] * short + fresh[0] * bounded
            long = memories[1] * long + fresh[1] * bounded
            told = memories[2] * told + news[i, t]
            following = min(t + 1, days - 1)
            expected_next[i, t] = level * (
                weights[0] * strength[0, following] * short
                + weights[1] * strength[1, following] * long
                + weights[2] * strength[2, following] * told
            )
            expected[i, t] = level * (
                weights[0] * short * ahead[0, t] + weights[1] * long * ahead[1, t] + weights[2] * told * ahead[2, t]
            )
    return returns, surprise, deviation, expected, expected_next


@compiled
def end_lives(
    returns: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    failure: float,
    merger: float,
    loss: tuple[float, float],
    premium: tuple[float, float],
    uniforms: np.ndarray,
    window: int,
    power: float,
    most: float,
    shortest: int,
) -> tuple[np.ndarray, np.ndarray]:
    """When stocks fail or are taken over, and what that does to their returns.

    On each day a listed stock fails with a chance that was known the day before: ``failure`` times what is left of its
    price of ``window`` days before, to the power ``-power``. It is taken over with the chance ``merger``. An end
    multiplies the wealth of the day by one less the loss, or by one more the premium; every other day multiplies it by
    what makes up for both on average, as in a compensated jump process (Merton, 1976). So the conditional expectation
    of the return, given the past, is the same as without ends.

    Args:
        returns: (N, T) simple total returns without ends.
        first: (N,) first listed day, at least ``window`` days after the first.
        last: (N,) last listed day of whoever does not end before.
        failure: Daily chance of a stock whose price has not changed.
        merger: Daily chance.
        loss: Least and most that a failure takes, shares of the price; uniform between them.
        premium: Least and most that a merger gives; uniform between them.
        uniforms: (N, T, 2) in [0, 1): whether a stock ends, and how.
        window: Days over which a fall is measured.
        power: How quickly the chance rises with the fall.
        most: Largest daily chance of a failure.
        shortest: Days for which every stock is listed.

    Returns:
        (N,) last listed days; (N, T) factors on one plus the return, 1 where there is no chance of an end.
    """
    count, days = returns.shape
    ends = last.copy()
    factors = np.ones((count, days))
    wealth = np.empty(days)
    mean_loss, mean_premium = 0.5 * (loss[0] + loss[1]), 0.5 * (premium[0] + premium[1])
    for i in range(count):
        value = 1.0
        for t in range(days):
            if t >= first[i] + shortest and t <= ends[i]:
                left = wealth[t - 1] / wealth[t - 1 - window]
                failing = min(failure * left**-power, most)
                if uniforms[i, t, 0] < failing:
                    factors[i, t] = 1.0 - loss[0] - (loss[1] - loss[0]) * uniforms[i, t, 1]
                    ends[i] = t
                elif uniforms[i, t, 0] < failing + merger:
                    factors[i, t] = 1.0 + premium[0] + (premium[1] - premium[0]) * uniforms[i, t, 1]
                    ends[i] = t
                else:
                    factors[i, t] = 1.0 + (failing * mean_loss - merger * mean_premium) / (1.0 - failing - merger)
            value *= (1.0 + returns[i, t]) * factors[i, t]
            wealth[t] = value
    return ends, factors


@compiled
def _cents(price: float) -> float:
    cents: float = np.floor(price * 100.0 + 0.5) / 100.0
    return cents


@compiled
def equity_prices(
    returns: np.ndarray,
    overnight: np.ndarray,
    deviation: np.ndarray,
    noise: np.ndarray,
    uniforms: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    start_price: np.ndarray,
    quarterly_yield: np.ndarray,
    dividend_phase: np.ndarray,
    split_above: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Raw prices that realise total returns, with splits, dividends and consistent open, high and low.

    The day's log return is split into a night and a session; high and low are drawn from the exact law of the
    extremes of a Brownian bridge between open and close.

    Args:
        returns: (N, T) simple total returns.
        overnight: (N, T) part of them that comes as a jump while the exchange is closed.
        deviation: (N, T) standard deviation of the day's return, known before.
        noise: (N, T) standard normal, for the night.
        uniforms: (N, T, 2) in [0, 1), for high and low.
        first: (N,) first listed day.
        last: (N,) last listed day, inclusive.
        start_price: (N,) price on the first day.
        quarterly_yield: (N,) dividend as a share of the price, 0 for none.
        dividend_phase: (N,) day of the quarter (63 days) of the dividend.
        split_above: (N,) price above which a stock splits; below 4 it is consolidated.

    Returns:
        (N, T, 4) open, high, low, close in cents; dividends (N, T); split ratios (N, T), 1 for none; adjusted close
        (N, T), equal to the raw close on the last listed day. NaN outside the listed days.
    """
    count, days = returns.shape
    prices = np.full((count, days, 4), np.nan)
    dividends = np.zeros((count, days))
    splits = np.ones((count, days))
    adjusted = np.full((count, days), np.nan)
    for i in range(count):
        price = start_price[i]
        for t in range(first[i], last[i] + 1):
            if t > first[i]:
                if quarterly_yield[i] > 0.0 and (t + dividend_phase[i]) % 63 == 0:
                    dividends[i, t] = _cents(price * quarterly_yield[i])
                if (t + dividend_phase[i]) % 21 == 7:
                    if price > split_above[i]:
                        splits[i, t] = 2.0 if price < 1.5 * split_above[i] else 4.0
                    elif price < 4.0:
                        splits[i, t] = 0.1
            base = (price - dividends[i, t]) / splits[i, t]
            log_return = np.log1p(returns[i, t])
            spread = deviation[i, t] * deviation[i, t]
            gap = min(max(overnight[i, t], -0.5), 1.0)
            night = gap + 0.25 * (log_return - gap) + np.sqrt(0.1875 * spread) * noise[i, t]
            session = log_return - night
            bridge = 0.75 * spread
            up = 0.5 * (session + np.sqrt(session * session - 2.0 * bridge * np.log(1.0 - uniforms[i, t, 0])))
            down = 0.5 * (session - np.sqrt(session * session - 2.0 * bridge * np.log(1.0 - uniforms[i, t, 1])))
            opened = base * np.exp(night)
            price = base * np.exp(log_return)
            prices[i, t, 0] = _cents(opened)
            prices[i, t, 1] = _cents(opened * np.exp(up))
            prices[i, t, 2] = _cents(opened * np.exp(down))
            prices[i, t, 3] = _cents(price)
            prices[i, t, 1] = max(prices[i, t, 1], prices[i, t, 0], prices[i, t, 3])
            prices[i, t, 2] = min(prices[i, t, 2], prices[i, t, 0], prices[i, t, 3])
        factor = 1.0
        for t in range(last[i], first[i] - 1, -1):
            adjusted[i, t] = prices[i, t, 3] * factor
            if t > first[i]:
                factor *= (1.0 - dividends[i, t] / prices[i, t - 1, 3]) / splits[i, t]
    return prices, dividends, splits, adjusted


@compiled
def smooth_rows(noise: np.ndarray, memory: float) -> np.ndarray:
    """First-order autoregression of every row, with unit variance when the noise has it."""
    fresh = np.sqrt(1.0 - memory * memory)
    smoothed = np.empty_like(noise)
    for i in range(noise.shape[0]):
        value = noise[i, 0]
        for t in range(noise.shape[1]):
            value = memory * value + fresh * noise[i, t] if t else value
            smoothed[i, t] = value
    return smoothed


@compiled
def add_members(
    totals: np.ndarray, prices: np.ndarray, dividends: np.ndarray, splits: np.ndarray, volume: np.ndarray,
    capital: np.ndarray, first: np.ndarray, last: np.ndarray,
) -> None:  # fmt: skip
    """Add stocks to the sums from which the index is made, one after the other so that chunks do not matter.

    Args:
        totals: (T, 5) sums, changed in place: capital at the close before of the members that trade on both days,
            their capital at the open and at the close, dividends paid on it, shares traded.
        prices: (N, T, 4) raw open, high, low, close.
        dividends: (N, T) per share.
        splits: (N, T) ratios.
        volume: (N, T) shares traded.
        capital: (N,) value of the company on its first listed day.
        first: (N,) first listed day.
        last: (N,) last listed day.
    """
    for i in range(first.size):
        shares = capital[i] / prices[i, first[i], 3]
        for t in range(first[i], last[i] + 1):
            totals[t, 4] += volume[i, t]
            if t > first[i]:
                totals[t, 0] += shares * prices[i, t - 1, 3]
                totals[t, 3] += shares * dividends[i, t]
                shares *= splits[i, t]
                totals[t, 1] += shares * prices[i, t, 0]
                totals[t, 2] += shares * prices[i, t, 3]


@compiled
def currency_returns(
    shocks: np.ndarray,
    news: np.ndarray,
    scale: np.ndarray,
    calm: np.ndarray,
    leaders: np.ndarray,
    weights: np.ndarray,
    strength: np.ndarray,
    memories: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hourly log returns of C currencies and what was expected of them.

    Args:
        shocks: (C, T) shocks of about unit variance.
        news: (C, T) surprises of articles, 0 where there is none.
        scale: (C, T) standard deviation of the hour, known one hour before.
        calm: (T,) how much of the reversion applies in an hour.
        leaders: (C,) number of the currency that is followed, -1 for none.
        weights: Weights of own shocks, the leader's shocks and news.
        strength: (3, T) what the weights are worth in an hour; a path that is fixed beforehand.
        memories: Hourly decay of the three.

    Returns:
        Returns (C, T); shocks with the reaction to news (C, T); expected return of the next hour, known at t (C, T).
    """
    count, hours = shocks.shape
    returns = np.empty((count, hours))
    surprise = np.empty((count, hours))
    expected = np.zeros((count, hours))
    own, led, told = np.zeros(count), np.zeros(count), np.zeros(count)
    fresh = np.sqrt(1.0 - memories * memories)
    for t in range(hours):
        following = min(t + 1, hours - 1)
        for c in range(count):
            surprise[c, t] = shocks[c, t] + 0.4 * news[c, t]
            drift = expected[c, t - 1] if t else 0.0
            returns[c, t] = drift + scale[c, t] * surprise[c, t]
        for c in range(count):
            own[c] = memories[0] * own[c] + fresh[0] * min(max(surprise[c, t], -4.0), 4.0)
            if leaders[c] >= 0:
                lead = surprise[leaders[c], t]
                led[c] = memories[1] * led[c] + fresh[1] * min(max(lead, -4.0), 4.0)
            told[c] = memories[2] * told[c] + news[c, t]
            expected[c, t] = scale[c, following] * (
                weights[0] * strength[0, following] * calm[following] * own[c]
                + weights[1] * strength[1, following] * led[c]
                + weights[2] * strength[2, following] * told[c]
            )
    return returns, surprise, expected
