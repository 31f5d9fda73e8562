"""How predictions are turned into positions on paper, and what trading costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from finq_predictor.domain.errors import ConfigurationError


@dataclass(frozen=True)
class BacktestRules:
    """How predictions are turned into positions, and what trading costs.

    Attributes:
        execution: ``"close"`` or ``"open"``: the price of the next bar at which orders are filled.
        entry_lag: Bars between the decision and the fill; at least 1.
        quantile: Share of the instruments that is bought at the top and sold at the bottom.
        min_instruments: Fewer predictions than this at one time give no ranking and no long-short position.
        long_above: The threshold strategy buys above this probability.
        short_below: The threshold strategy sells below this probability.
        max_weight: Largest share of capital in one instrument under the threshold strategy.
        cost_bp: Half the spread per traded side, in basis points, where there are no quotes; and the commission, where
            ``commission_bp`` does not name it apart.
        commission_bp: Commission per traded side, in basis points; added with quotes as well.
        slippage_bp: Added to every traded side, in basis points.
        use_quotes: Charge half the quoted spread instead of ``cost_bp`` where bid and ask are known.
        edge_over_cost: The edge strategy takes a position where the gain it expects is more than so many times the
            cost of buying and selling again.
        move_bars: Bars over which the edge strategy learns how far an instrument usually moves.
        hedge_bp: Cost of one traded side of the benchmark, in basis points.
        borrow_bp: Fee for what is sold short, in basis points per year.
        roll_over_bp: What a dealer adds for carrying a position over 17:00 New York, long or short, in basis points per
            year of 365 nights; Wednesday counts three. The interest of the two sides itself is not counted.
        impact: How far a trade moves its price: times the volatility of a day and the square root of the share of a
            day's volume that is traded; 0 for none.
        capital: Capital at work, in the currency of the prices; only the impact depends on it.
        no_trade_band: A position is not changed by less than this share of the capital, unless it is left for good; 0
            trades every change.
        max_turnover: At most this share of the capital changes hands in one bar, hedge not counted; what is wanted
            beyond is traded in later bars. None has no limit.
        delisting_return: What a holder gets beyond the last price of an instrument that ends; None takes the market's.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    execution: str = "close"
    entry_lag: int = 1
    quantile: float = 0.2
    min_instruments: int = 5
    long_above: float = 0.6
    short_below: float = 0.4
    max_weight: float = 0.1
    cost_bp: float = 5.0
    commission_bp: float = 0.0
    slippage_bp: float = 1.0
    use_quotes: bool = True
    edge_over_cost: float = 1.0
    move_bars: int = 250
    hedge_bp: float = 1.0
    borrow_bp: float = 0.0
    roll_over_bp: float = 0.0
    impact: float = 0.0
    capital: float = 1e6
    no_trade_band: float = 0.0
    max_turnover: float | None = None
    delisting_return: float | None = None

    def __post_init__(self) -> None:
        """Refuse rules that look ahead or cannot be traded."""
        if self.execution not in ("close", "open"):
            raise ConfigurationError(f"execution is {self.execution!r}; expected 'close' or 'open'.")
        if self.entry_lag < 1:
            raise ConfigurationError(
                f"entry_lag is {self.entry_lag}; a decision at a close can be filled in the next bar at best."
            )
        if not 0.0 < self.quantile <= 0.5:
            raise ConfigurationError(f"quantile is {self.quantile}; expected more than 0 and at most 0.5.")
        if self.short_below > self.long_above:
            raise ConfigurationError(f"short_below {self.short_below} is above long_above {self.long_above}.")
        costs = (
            *("cost_bp", "commission_bp", "slippage_bp", "hedge_bp", "borrow_bp", "roll_over_bp", "impact"),
            "edge_over_cost",
        )
        if wrong := {name: getattr(self, name) for name in costs if not getattr(self, name) >= 0.0}:
            raise ConfigurationError(f"{wrong}: nobody is paid for trading; expected 0 or more.")
        if self.move_bars < 2 or not self.capital > 0.0:
            raise ConfigurationError(
                f"move_bars is {self.move_bars} and capital {self.capital}; expected at least 2 bars and more than 0."
            )
        if not 0.0 <= self.no_trade_band < 1.0:
            raise ConfigurationError(f"no_trade_band is {self.no_trade_band}; expected 0 or more, and less than 1.")
        if self.max_turnover is not None and not self.max_turnover > 0.0:
            raise ConfigurationError(
                f"max_turnover is {self.max_turnover}: nothing could be traded; expected more than 0, or none."
            )
        if self.delisting_return is not None and self.delisting_return < -1.0:
            raise ConfigurationError(
                f"delisting_return is {self.delisting_return}; nothing loses more than all of it, -1."
            )
