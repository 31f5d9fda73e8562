"""Phrases of currency and central-bank news, by mood towards the currency."""

from __future__ import annotations

CURRENCIES: dict[str, tuple[str, str]] = {
    "USD": ("dollar", "Federal Reserve"),
    "EUR": ("euro", "European Central Bank"),
    "JPY": ("yen", "Bank of Japan"),
    "GBP": ("pound", "Bank of England"),
    "AUD": ("Australian dollar", "Reserve Bank of Australia"),
    "NZD": ("New Zealand dollar", "Reserve Bank of New Zealand"),
    "SGD": ("Singapore dollar", "Monetary Authority of Singapore"),
    "CHF": ("Swiss franc", "Swiss National Bank"),
    "CAD": ("Canadian dollar", "Bank of Canada"),
}

TITLES: dict[str, tuple[str, ...]] = {
    "very_good": (
        "{name} surges after hawkish surprise from the {field}",
        "{name} rallies sharply as {field} signals further rate hikes",
        "{symbol} jumps on strong jobs report and robust wage growth",
        "{name} soars to multi-month high as growth beats forecasts",
        "{field} delivers hawkish shock, {name} climbs {small}",
        "strong retail sales lift {name}, traders bet on rate hikes",
        "{name} leads gains as economy expands at fastest pace in years",
    ),
    "good": (
        "{name} gains as {field} keeps hawkish tone",
        "{name} firms after upbeat factory data",
        "{symbol} edges higher on stronger services survey",
        "{name} strengthens as yields rise",
        "{name} advances after better-than-expected trade balance",
        "{name} supported by improving growth outlook",
        "{field} official sees scope for higher rates, {name} rises",
        "{name} recovers as consumer confidence improves",
    ),
    "neutral": (
        "{name} little changed ahead of {field} meeting",
        "{name} holds in narrow range in quiet trading",
        "{symbol}: what to watch this week",
        "{field} leaves policy unchanged as expected",
        "{name} steady as traders await inflation figures",
        "{field} publishes minutes of its latest meeting",
        "option expiries keep {name} near familiar levels",
    ),
    "bad": (
        "{name} slips as {field} turns dovish",
        "{name} weakens after soft manufacturing survey",
        "{symbol} edges lower on disappointing retail sales",
        "{name} falls as yields decline",
        "{name} under pressure after weak trade figures",
        "{field} official sees room for rate cuts, {name} drops",
        "{name} retreats as business confidence deteriorates",
        "{name} eases on concern about slowing growth",
    ),
    "very_bad": (
        "{name} plunges after dovish surprise from the {field}",
        "{name} tumbles as {field} signals deeper rate cuts",
        "{symbol} slumps on weak jobs report and rising unemployment",
        "{name} sinks to multi-month low as recession fears grow",
        "{field} stuns markets with rate cut, {name} drops {small}",
        "political crisis hits {name}, investors flee",
        "{name} leads losses as economy contracts unexpectedly",
    ),
}

SENTENCES: dict[str, tuple[str, ...]] = {
    "very_good": (
        "the {name} surged {small} against its peers, its strongest gain in weeks.",
        "the {field} raised its growth forecast and said risks to demand had improved markedly.",
        "data showed a robust economy, with employment growth far stronger than expected.",
        "traders rushed to price in {basis} of further tightening after the strong figures.",
        "{analyst} at {broker} turned bullish on the {name}, citing resilient growth and a hawkish central bank.",
        "strong capital inflows and rising yields boosted the {name}.",
    ),
    "good": (
        "the {name} rose {small} as investors welcomed solid data.",
        "officials at the {field} sounded confident about the recovery.",
        "the services survey improved for a second month, beating forecasts.",
        "higher yields made the {name} more attractive, {analyst} at {broker} said.",
        "exports increased and the trade surplus widened modestly.",
        "consumer confidence improved, a positive sign for growth.",
    ),
    "neutral": (
        "the {name} traded in a narrow range with few fresh figures on the calendar.",
        "the {field} next meets in a few weeks and most economists see no change.",
        "positioning in the {name} is close to its average, according to {broker}.",
        "volumes were light as several centres observed holidays.",
        "the figures were in line with the median forecast.",
        "{analyst} at {broker} keeps an unchanged view on the {name}.",
    ),
    "bad": (
        "the {name} fell {small} as investors digested soft data.",
        "officials at the {field} sounded cautious about the slowdown.",
        "the factory survey deteriorated for a second month, missing forecasts.",
        "lower yields made the {name} less attractive, {analyst} at {broker} said.",
        "exports declined and the trade deficit widened.",
        "consumer confidence weakened, a negative sign for growth.",
    ),
    "very_bad": (
        "the {name} plunged {small} against its peers, its worst loss in weeks.",
        "the {field} slashed its growth forecast and warned of recession risks.",
        "data showed a weak economy, with job losses far worse than feared.",
        "traders rushed to price in {basis} of rate cuts after the dismal figures.",
        "{analyst} at {broker} turned bearish on the {name}, citing weak growth and a dovish central bank.",
        "capital outflows and falling yields hurt the {name}.",
    ),
}

CONTEXT: dict[str, tuple[str, ...]] = {
    "very_good": ("demand for the {name} was the strongest in months.", "the outlook for the {name} improved sharply."),
    "good": ("sentiment towards the {name} has improved this week.", "the {name} found support from steady inflows."),
    "neutral": (
        "the next policy decision of the {field} is due later this quarter.",
        "markets in {region} open in a few hours.",
        "dealers reported orders on both sides.",
        "the report covers the {quarter} quarter.",
        "the agency publishes the series every month.",
        "implied volatility was near its average of the past year.",
    ),
    "bad": ("sentiment towards the {name} has worsened this week.", "the {name} came under pressure from outflows."),
    "very_bad": (
        "selling of the {name} was the heaviest in months.",
        "the outlook for the {name} deteriorated sharply.",
    ),
}
