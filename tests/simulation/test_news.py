"""Articles: readable, dated, syndicated now and then, and in a mood that later abnormal returns bear out."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.simulation import (
    PRESETS,
    DirtConfig,
    EquityMarketConfig,
    FxMarketConfig,
    simulate_equity,
    simulate_fx,
)
from finq_predictor.simulation.companies import company
from finq_predictor.simulation.currencies import simulate_currencies
from finq_predictor.simulation.fx_news import fx_articles
from finq_predictor.simulation.news import mistaken
from finq_predictor.simulation.prose import Subject, currency_subject, mood, write_article
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.sessions import fx_hours

# A few words everybody would call good or bad; much less than a real lexicon.
GOOD = re.compile(
    r"\b(surg|soar|jump|gain|ris|rose|rall|beat|upgrad|strong|improv|record|wins|upbeat|confiden|solid)\w*"
)
BAD = re.compile(r"\b(plung|tumbl|slump|fall|fell|drop|slip|miss|downgrad|weak|disappoint|loss|warn|slash|cautious)\w*")


def read(text: pd.Series) -> pd.Series:
    lower = text.str.lower()
    return np.sign(lower.str.count(GOOD.pattern) - lower.str.count(BAD.pattern))


def _tone_by_session(market) -> pd.DataFrame:
    closes = pd.DatetimeIndex(market.benchmark["known_at"])
    articles = market.articles
    place = closes.searchsorted(articles["first_seen_at"])
    inside = place < len(closes)
    frame = pd.DataFrame(
        {
            "ts": closes[place[inside]],
            "symbol": articles["symbol"][inside].array,
            "tone": read(articles["title"] + ". " + articles["body"])[inside].array,
        }
    )
    return frame.pivot_table(index="ts", columns="symbol", values="tone", aggfunc="sum")


def _abnormal(market) -> pd.DataFrame:
    adjusted = market.bars.pivot(index="known_at", columns="symbol", values="adj_close")
    returns = adjusted.pct_change(fill_method=None)
    returns = returns.sub(returns.mean(axis=1), axis=0)
    return returns / returns.std()


def _relation(market, ahead: int) -> float:
    """Correlation of a session's tone with the sum of the next abnormal returns, or with the same session's."""
    tone, abnormal = _tone_by_session(market), _abnormal(market)
    outcome = sum(abnormal.shift(-step) for step in range(1, ahead + 1)) if ahead else abnormal
    pairs = pd.DataFrame({"tone": tone.stack(), "outcome": outcome.stack()}).dropna()
    return float(pairs["tone"].corr(pairs["outcome"]))


@pytest.mark.parametrize("table", ["equity", "fx"])
def test_articles_have_ids_times_and_words(table, request):
    articles = request.getfixturevalue(table).articles
    assert len(articles) > 5000
    assert articles["article_id"].is_unique
    lag = articles["first_seen_at"] - articles["published_at"]
    assert lag.min() > pd.Timedelta(0)
    assert lag.max() <= pd.Timedelta(minutes=30)
    assert articles["first_seen_at"].is_monotonic_increasing
    assert articles["title"].str.len().between(10, 160).all()
    assert articles["body"].str.len().between(40, 700).all()
    assert not articles["title"].str.contains(r"[{}]").any()
    assert not articles["body"].str.contains(r"[{}]").any()
    assert articles["source"].nunique() >= 4


def test_articles_are_not_ten_sentences(equity, fx):
    for articles in (equity.articles, fx.articles):
        unique = articles.drop_duplicates(["title", "body"])
        assert len(unique) > 0.95 * len(articles)
        assert articles["title"].nunique() > 1000 or articles["symbol"].str.len().max() == 3
        sentences = articles["body"].str.split(r"\. ", regex=True).explode()
        assert sentences.nunique() > 500


def test_some_articles_are_syndicated(equity):
    copies = equity.articles.duplicated(["symbol", "title", "body"], keep=False)
    assert 0.02 < copies.mean() / 2 < 0.06
    twins = equity.articles[copies].groupby(["symbol", "title", "body"])
    assert (twins["published_at"].nunique() > 1).mean() > 0.95
    assert (twins["source"].nunique() > 1).mean() > 0.9


def test_articles_name_their_subject(equity, fx):
    names = {company(number).ticker: company(number).name for number in range(100)}
    for article in equity.articles.head(300).itertuples():
        assert names[article.symbol] in article.title or article.symbol in article.title
    assert set(fx.articles["symbol"]) == {"EUR", "USD", "JPY", "GBP", "AUD", "SGD", "CHF"}


def test_articles_appear_while_the_stock_is_listed(equity):
    life = equity.bars.groupby("symbol")["known_at"].agg(["min", "max"])
    seen = equity.articles.merge(life, left_on="symbol", right_index=True)
    assert (seen["first_seen_at"] > seen["min"] - pd.Timedelta(days=6)).all()
    assert (seen["first_seen_at"] <= seen["max"] + pd.Timedelta(hours=3)).all()


def test_words_carry_the_mood():
    draw = stream(1, "test")
    subject = Subject("BAKO", "Bako Motors", "Consumer Discretionary")
    for occasion, about in (("company", subject), ("earnings", subject), ("currency", currency_subject("EUR"))):
        for tone in (-2.0, -0.8, 0.8, 2.0):
            texts = pd.Series([" ".join(write_article(about, tone, occasion, draw)) for _ in range(100)])
            assert (read(texts) == np.sign(tone)).mean() > 0.6, (occasion, tone)
            assert (read(texts) == -np.sign(tone)).mean() < 0.2, (occasion, tone)


@pytest.mark.parametrize(
    ("tone", "name"), [(0.0, "neutral"), (0.5, "good"), (-0.5, "bad"), (1.5, "very_good"), (-9.0, "very_bad")]
)
def test_mood_of_a_tone(tone, name):
    assert mood(tone) == name


def test_tone_goes_before_abnormal_returns_and_a_little_with_them(equity):
    assert _relation(equity, ahead=5) > 0.01
    assert 0.05 < _relation(equity, ahead=0) < 0.5


def test_tone_says_nothing_ahead_at_strength_zero(noise_markets):
    ahead = np.mean([_relation(market, ahead=5) for market in noise_markets])
    same = np.mean([_relation(market, ahead=0) for market in noise_markets])
    assert abs(ahead) < 0.012, "one figure has a standard error of about .008"
    assert same > 0.05


def test_tone_alone_can_be_switched_off():
    market = simulate_equity(EquityMarketConfig(seed=2, tone_signal=0.0, dirt=DirtConfig.clean()))
    assert abs(_relation(market, ahead=5)) < 0.025


def test_strength_of_tone_is_monotone():
    found = [
        np.mean(
            [
                _relation(
                    simulate_equity(EquityMarketConfig(seed=seed, tone_signal=tone, years=3, dirt=DirtConfig.clean())),
                    ahead=5,
                )
                for seed in (1, 2)
            ]
        )
        for tone in (0.0, 2.0, 5.0)
    ]
    assert found[0] < found[1] < found[2]


def test_number_of_articles_is_configurable():
    few = simulate_fx(FxMarketConfig(seed=1, years=1, articles_per_year=50))
    many = simulate_fx(FxMarketConfig(seed=1, years=1, articles_per_year=500))
    assert 5 < len(many.articles) / len(few.articles) < 20
    assert 50 * 7 * 0.6 < len(few.articles) < 50 * 7 * 1.5


# News that is wrong or late ------------------------------------------------------------------------------------------


def _written(market_config):
    simulate = simulate_equity if isinstance(market_config, EquityMarketConfig) else simulate_fx
    return simulate(market_config).articles


def test_half_of_the_mistaken_tones_say_nothing_and_half_the_opposite():
    tone = stream(1, "tone").standard_normal(200_000)
    told = mistaken(tone, 0.3, stream(2, "tone"))
    assert (told == tone).mean() == pytest.approx(0.70, abs=0.005)
    assert (told == -tone).mean() == pytest.approx(0.15, abs=0.005)
    other = (told != tone) & (told != -tone)
    assert abs(np.corrcoef(tone[other], told[other])[0, 1]) < 0.02
    assert (mistaken(tone, 0.0, stream(2, "tone")) == tone).all()


@pytest.mark.parametrize(
    "config", [EquityMarketConfig(seed=1, years=2), FxMarketConfig(seed=1, years=0.75)], ids=["equity", "fx"]
)
def test_false_articles_are_the_same_articles_in_another_mood(config):
    right, wrong = _written(config), _written(replace(config, false_news=0.3))
    keys = ["symbol", "published_at"]
    both = right.drop_duplicates(keys).merge(wrong.drop_duplicates(keys), on=keys, suffixes=("", "_wrong"))
    assert len(right) == len(wrong)
    assert len(both) > 1000
    moods = [read(both[f"title{end}"] + ". " + both[f"body{end}"]) for end in ("", "_wrong")]
    # Three tenths are wrong: half of them turn round, and half of the rest do by chance, as far as words show a mood.
    assert 0.15 < (both["title"] != both["title_wrong"]).mean() < 0.30
    assert 0.08 < (moods[0] * moods[1] < 0).mean() < 0.22


def test_late_articles_are_first_seen_a_session_after_they_were_published():
    config = EquityMarketConfig(seed=1, years=2, dirt=DirtConfig.clean())
    market = simulate_equity(replace(config, late_news=0.25))
    seen, published = market.articles["first_seen_at"], market.articles["published_at"]
    late = seen - published > pd.Timedelta(hours=1)
    assert late.mean() == pytest.approx(0.25, abs=0.02)
    closes = pd.DatetimeIndex(market.benchmark["known_at"])
    sessions = closes.searchsorted(seen) - closes.searchsorted(published)
    assert (sessions[late] == 1).mean() > 0.97, "a copy or the usual lag may come after the close"
    assert (sessions[~late] == 0).mean() > 0.97
    on_time = _written(config).set_index("article_id")
    again = market.articles.set_index("article_id").loc[on_time.index]
    pd.testing.assert_frame_equal(again.drop(columns="first_seen_at"), on_time.drop(columns="first_seen_at"))


def test_late_articles_about_currencies_are_first_seen_hours_later():
    articles = _written(FxMarketConfig(seed=1, years=0.75, late_news=0.25))
    hours = (articles["first_seen_at"] - articles["published_at"]) / pd.Timedelta(hours=1)
    late = hours > 1
    assert late.mean() == pytest.approx(0.25, abs=0.02)
    assert hours[late].between(4, 12.5).all()
    assert hours[~late].max() <= 0.5


@pytest.fixture(scope="module")
def unreliable():
    """Relation of tone with the next five and with the same session, of clean markets of two presets."""
    return {
        preset: [
            (_relation(market, ahead=5), _relation(market, ahead=0))
            for seed in (1, 2, 3, 4)
            for market in [
                simulate_equity(replace(PRESETS[preset].markets["equity"], seed=seed, dirt=DirtConfig.clean()))
            ]
        ]
        for preset in ("realistic", "noise")
    }


def test_tone_goes_with_the_price_half_as_much_where_news_may_be_wrong_or_late(unreliable, equity):
    for preset, found in unreliable.items():
        assert 0.3 < np.mean(found, axis=0)[1] / _relation(equity, ahead=0) < 0.7, preset


def test_tone_says_nothing_ahead_in_noise(unreliable):
    ahead = np.array(unreliable["noise"])[:, 0]
    error = ahead.std(ddof=1) / len(ahead) ** 0.5
    assert abs(ahead.mean()) < max(3 * error, 0.012)
    assert 0.0 < error < 0.01


def _t_of_tone(config: FxMarketConfig) -> float:
    """Student's t of the tone seen in an hour about a currency against that currency's return of the next hour."""
    currencies = simulate_currencies(config, fx_hours(config.end, config.years))
    articles = fx_articles(config, currencies)
    tones = read(articles["title"] + ". " + articles["body"]).to_numpy()
    rows = articles["symbol"].map(currencies.names.index).to_numpy()
    hours = currencies.hours.searchsorted(articles["first_seen_at"], side="right") - 1
    inside = (hours >= 0) & (hours + 1 < len(currencies.hours))
    rows, following, tones = rows[inside], hours[inside] + 1, tones[inside]
    outcome = currencies.returns[rows, following] / currencies.deviation[rows, following]
    return float(np.corrcoef(tones, outcome)[0, 1] * np.sqrt(len(tones)))


@pytest.mark.parametrize(
    ("preset", "least", "most"), [("easy", 20.0, 27.0), ("realistic", -1.5, 3.0), ("noise", -1.5, 1.5)]
)
def test_tone_goes_before_the_next_hour_as_far_as_a_preset_lets_it(preset, least, most):
    """The mean of four figures has a standard error of one half."""
    found = [_t_of_tone(replace(PRESETS[preset].markets["fx"], seed=seed)) for seed in (1, 2, 3, 4)]
    assert least < np.mean(found) < most
