"""The registry as a table and as a page of the documentation."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from finq_predictor.domain.features._registry import REGISTRY, FeatureSpec
from finq_predictor.domain.features.engine import FAMILIES
from finq_predictor.domain.features.formulas import WORDS, latex
from finq_predictor.domain.market.markets import MARKETS


def describe_features(specs: Iterable[FeatureSpec]) -> pd.DataFrame:
    """Describe features, one row each.

    Returns:
        ``name, family, inputs, window, lookback`` (bars), ``unit, formula, known`` (when a value is known), ``source,
        description, markets``; lists are joined with commas.
    """
    return pd.DataFrame(
        [
            {
                "name": spec.name,
                "family": spec.family,
                "inputs": ", ".join(spec.inputs),
                "window": ", ".join(map(str, spec.window)),
                "lookback": spec.lookback,
                "unit": spec.unit,
                "formula": spec.formula,
                "known": spec.known,
                "source": spec.source,
                "description": spec.description,
                "markets": ", ".join(spec.markets),
            }
            for spec in specs
        ]
    )


def features_markdown() -> str:
    """The reference page of all features, generated from the registry."""
    count = {market: sum(market in spec.markets for spec in REGISTRY.values()) for market in MARKETS}
    totals = ", ".join(f"{number} for {market}" for market, number in count.items())
    parts = [
        "# Features\n",
        "<!-- Generated from the registry (finq_predictor.domain.features.reference); do not edit. -->\n",
        f"{len(REGISTRY)} features: {totals}. A feature exists when its inputs do; those with `macro_*` exist once per "
        "macro series, its name inserted before the windows. Every value is known by the decision of its bar and "
        "depends on `lookback` bars, the current one included. A window needs four fifths of its values (those of "
        "`alpha158` and `alpha158_flow` answer from the first known bar on, as published), otherwise the feature is "
        "missing; it is never filled. The words of the formulas are [below](#words-of-the-formulas); the tests "
        "evaluate every formula without our code and compare.\n",
    ]
    for family in FAMILIES:
        specs = [spec for spec in REGISTRY.values() if spec.family == family]
        parts.append(f"## {family}\n")
        parts.append("| feature | meaning | formula | inputs | known | lookback | unit | markets | source |")
        parts.append("|---|---|---|---|---|---:|---|---|---|")
        parts += [
            f"| `{row.name}` | {row.description} | {rendered(row.formula)} | {row.inputs or 'the clock'} | {row.known} "
            f"| {row.lookback} | {row.unit} | {row.markets} | {row.source} |"
            for row in describe_features(specs).itertuples(index=False, name="Row")
        ]
        parts.append("")
    parts += ["## Words of the formulas\n", "| word | what it is |", "|---|---|"]
    parts += [f"| `{word}` | {meaning} |" for word, meaning in WORDS.items()]
    parts.append("")
    return "\n".join(parts)


def rendered(formula: str) -> str:
    """A formula as Markdown sets it; the backticks keep what is in it from being read as Markdown."""
    return f"$`{latex(formula)}`$" if formula else ""
