"""What a simulated market looks like: every number that may be chosen. The defaults are those of the preset `easy`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from finq_predictor.domain.errors import ConfigurationError

FX_PAIRS = ("EUR_USD", "USD_JPY", "GBP_USD", "AUD_USD", "USD_SGD", "USD_CHF")


@dataclass(frozen=True)
class DirtConfig:
    """How dirty the delivered bars are, as shares of the clean rows; zero everywhere is a clean delivery.

    Attributes:
        missing: Rows that are absent or without prices.
        duplicated: Rows that come twice, byte for byte.
        out_of_order: Rows that come some places too late.
        impossible: Rows no market can print: high below low, negative price, everything a hundredfold.
        corrected: Rows that come wrong first and right again later, under the same key with a later ``known_at``.
    """

    missing: float = 0.001
    duplicated: float = 0.001
    out_of_order: float = 0.001
    impossible: float = 0.0005
    corrected: float = 0.001

    def __post_init__(self) -> None:
        rates = {rate.name: float(getattr(self, rate.name)) for rate in fields(self)}
        wrong = {name: rate for name, rate in rates.items() if not 0 <= rate <= 0.2}
        if wrong or sum(rates.values()) > 0.5:
            raise ConfigurationError(f"Dirt rates must lie in 0..0.2 and sum to at most 0.5; got {wrong or rates}.")

    @classmethod
    def clean(cls) -> DirtConfig:
        """No dirt at all."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0)

    @classmethod
    def scaled(cls, factor: float) -> DirtConfig:
        """The default rates times a factor."""
        default = cls()
        return cls(*(float(getattr(default, rate.name)) * factor for rate in fields(cls)))


@dataclass(frozen=True)
class PlantingConfig:
    """How much of what is predictable there is, and when.

    A signal that is found and published is traded away (McLean and Pontiff, 2016, find 58 % less return behind it), and
    what usually works stops or turns for months (momentum crashes: Daniel and Moskowitz, 2016). Each component of the
    signal lives through stretches of its own, of random length.

    Attributes:
        strength: Factor on everything predictable at the start of the history; ``signal`` multiplies it. 0 plants
            nothing, whatever ``signal`` is.
        half_life: Years in which half of the strength is gone; None never fades.
        off: Share of the time in which a component predicts nothing.
        reversed: Share of the time in which a component has the other sign.
        stretch: Mean length of a stretch in months; irrelevant where ``off`` and ``reversed`` are 0.
    """

    strength: float = 1.0
    half_life: float | None = None
    off: float = 0.0
    reversed: float = 0.0
    stretch: float = 4.0

    def __post_init__(self) -> None:
        _check_strength("strength", self.strength)
        for name in ("off", "reversed"):
            _check_share(name, getattr(self, name))
        if self.off + self.reversed > 1:
            raise ConfigurationError(
                f"off and reversed are shares of one time and sum to at most 1; got {self.off} and {self.reversed}."
            )
        for name, length in (("half_life", self.half_life), ("stretch", self.stretch)):
            if length is not None and not length > 0:
                raise ConfigurationError(f"{name} is a length of time and must exceed 0; got {length}.")


@dataclass(frozen=True)
class EquityMarketConfig:
    """A daily equity market on the sessions of the New York Stock Exchange.

    Attributes:
        seed: Same seed, same bytes.
        instruments: How many stocks ever exist.
        years: Length of the history in years, back from ``end``.
        end: Last day, ISO date.
        signal: Factor on everything predictable; 0 makes returns a martingale difference.
        tone_signal: Strength of the drift after news, on top of ``signal``.
        planting: What ``signal`` multiplies, and when there is less of it.
        articles_per_year: Mean number of news days of a stock in a year, earnings days included.
        duplicate_articles: Share of articles that a second source syndicates word for word.
        false_news: Share of articles whose tone is wrong: half say nothing, half the opposite.
        late_news: Share of articles that are first seen a session after they were published.
        listed_late: Share of stocks whose first trading day lies inside the span.
        delisted: Share of stocks that end inside the span at random, and harmlessly.
        failures: Chance a year that a stock which stands where it stood a year before fails; ``ends`` says more.
        mergers: Chance a year that a stock is taken over at a premium.
        dirt: Dirt of the delivered bars.
    """

    seed: int = 20240115
    instruments: int = 100
    years: float = 6
    end: str = "2024-12-31"
    signal: float = 1.0
    tone_signal: float = 1.0
    planting: PlantingConfig = field(default_factory=PlantingConfig)
    articles_per_year: float = 30.0
    duplicate_articles: float = 0.03
    false_news: float = 0.0
    late_news: float = 0.0
    listed_late: float = 0.12
    delisted: float = 0.06
    failures: float = 0.0
    mergers: float = 0.0
    dirt: DirtConfig = field(default_factory=DirtConfig)

    def __post_init__(self) -> None:
        _check_common(self.seed, self.years, self.signal, self.tone_signal)
        if self.instruments < 1:
            raise ConfigurationError(f"A market needs at least one instrument; got instruments={self.instruments}.")
        for name in ("duplicate_articles", "false_news", "late_news", "listed_late", "delisted", "failures", "mergers"):
            _check_share(name, getattr(self, name))


@dataclass(frozen=True)
class FxMarketConfig:
    """An hourly currency market, open from Sunday to Friday 17:00 New York.

    Attributes:
        seed: Same seed, same bytes.
        pairs: Currency pairs as ``"BASE_QUOTE"``; prices of pairs that share currencies are consistent.
        years: Length of the history in years, back from ``end``.
        end: Last day, ISO date.
        signal: Factor on everything predictable; 0 makes returns a martingale difference.
        tone_signal: Strength of the drift after news, on top of ``signal``.
        planting: What ``signal`` multiplies, and when there is less of it.
        articles_per_year: Mean number of news hours of a currency in a year.
        duplicate_articles: Share of articles that a second source syndicates word for word.
        false_news: Share of articles whose tone is wrong: half say nothing, half the opposite.
        late_news: Share of articles that are first seen some hours after they were published.
        dirt: Dirt of the delivered quotes.
    """

    seed: int = 20240115
    pairs: tuple[str, ...] = FX_PAIRS
    years: float = 3
    end: str = "2024-12-31"
    signal: float = 1.0
    tone_signal: float = 1.0
    planting: PlantingConfig = field(default_factory=PlantingConfig)
    articles_per_year: float = 400.0
    duplicate_articles: float = 0.03
    false_news: float = 0.0
    late_news: float = 0.0
    dirt: DirtConfig = field(default_factory=DirtConfig)

    def __post_init__(self) -> None:
        _check_common(self.seed, self.years, self.signal, self.tone_signal)
        wrong = [pair for pair in self.pairs if not _is_pair(pair)]
        if wrong or not self.pairs or len(set(self.pairs)) != len(self.pairs):
            raise ConfigurationError(
                f"Pairs must be distinct and look like 'EUR_USD'; got {list(self.pairs)}, wrong: {wrong}."
            )
        for name in ("duplicate_articles", "false_news", "late_news"):
            _check_share(name, getattr(self, name))


def _is_pair(pair: str) -> bool:
    base, _, quote = pair.partition("_")
    return len(base) == len(quote) == 3 and base != quote and (base + quote).isalpha() and pair.isupper()


def _check_common(seed: int, years: float, signal: float, tone_signal: float) -> None:
    if seed < 0:
        raise ConfigurationError(f"The seed must be a whole number from 0; got {seed}.")
    if not 0.25 <= years <= 60:
        raise ConfigurationError(f"The history must span 0.25 to 60 years; got years={years}.")
    for name, strength in (("signal", signal), ("tone_signal", tone_signal)):
        _check_strength(name, strength)


def _check_strength(name: str, strength: float) -> None:
    if not 0 <= strength <= 20:
        raise ConfigurationError(f"{name} must lie in 0..20 (1 is the default market); got {strength}.")


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigurationError(f"{name} is a share and must lie in 0..1; got {share}.")
