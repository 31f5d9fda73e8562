"""Phrases of company news, by mood; ordinary words of the financial press."""

from __future__ import annotations

BROKERS = (
    "Aldgate Securities", "Brightwater Capital", "Corran & Co", "Dunmore Research", "Eastfield Partners",
    "Fenwick Markets", "Granite Street", "Hollis Brothers", "Ironbridge Equities", "Juniper Hill",
)  # fmt: skip
ANALYSTS = (
    "Maria Keller", "James Okafor", "Priya Raman", "Tom Lindqvist", "Sofia Marin", "Daniel Wu", "Elena Petrova",
    "Robert Hayes", "Aisha Rahman", "Peter Novak", "Claire Dubois", "Kenji Mori",
)  # fmt: skip
REGIONS = ("Europe", "Asia", "North America", "Latin America", "the Middle East", "the Midwest", "the Gulf Coast")
PRODUCTS: dict[str, tuple[str, ...]] = {
    "Information Technology": ("cloud platform", "data-centre chip", "security suite", "workflow software"),
    "Financials": ("lending platform", "wealth service", "card business", "insurance line"),
    "Health Care": ("diabetes drug", "cancer therapy", "heart monitor", "vaccine candidate"),
    "Consumer Discretionary": ("electric model", "loyalty programme", "autumn collection", "resort chain"),
    "Industrials": ("turbine line", "freight network", "automation unit", "cargo jet"),
    "Communication Services": ("streaming service", "fibre network", "advertising platform", "sports channel"),
    "Consumer Staples": ("snack brand", "organic range", "coffee line", "detergent brand"),
    "Energy": ("offshore field", "shale assets", "gas terminal", "refinery"),
    "Utilities": ("wind portfolio", "grid project", "solar plant", "water concession"),
    "Materials": ("copper mine", "speciality resin", "lithium project", "steel mill"),
    "Real Estate": ("office portfolio", "logistics park", "apartment complex", "data-centre campus"),
}

TITLES: dict[str, tuple[str, ...]] = {
    "very_good": (
        "{name} soars after winning approval for its {product}",
        "{name} surges as blockbuster order lifts outlook",
        "{broker} upgrades {name} to buy, sees strong growth ahead",
        "{name} wins record {million} contract in {region}",
        "{name} raises full-year guidance sharply on booming demand",
        "{symbol} jumps {percent} as takeover offer comes at hefty premium",
        "{name} announces {million} buyback and boosts dividend",
        "breakthrough for {name}: {product} exceeds expectations",
        "{name} hits record high on stellar sales",
    ),
    "good": (
        "{name} gains as demand for its {product} improves",
        "{name} wins {million} order in {region}",
        "{broker} lifts price target on {name}",
        "{name} expands {product} after solid start",
        "{name} raises dividend, shares rise",
        "{name} sees margins improving in {quarter} quarter",
        "{symbol} advances as analysts turn more optimistic",
        "{name} settles dispute on favourable terms",
        "{name} reduces debt, outlook improves",
        "{name} benefits from recovery in {region}",
    ),
    "neutral": (
        "{name} to present at investor conference",
        "{name} appoints new head of {region} operations",
        "{name} schedules annual meeting of shareholders",
        "what to know about {name} this week",
        "{name} moves headquarters of its {product} unit",
        "{name} files routine shelf registration",
        "{broker} keeps hold rating on {name}",
        "{name} names {analyst} to its board",
        "{name} shares little changed in quiet trading",
        "{name} completes planned maintenance in {region}",
    ),
    "bad": (
        "{name} slips as demand for its {product} softens",
        "{name} loses {million} order in {region}",
        "{broker} cuts price target on {name}",
        "{name} delays {product} launch, shares fall",
        "{name} faces probe over {product} in {region}",
        "{name} sees margins under pressure in {quarter} quarter",
        "{symbol} declines as analysts turn more cautious",
        "{name} hit by higher costs and weak orders",
        "{name} warns of slower growth in {region}",
        "chief financial officer of {name} resigns unexpectedly",
    ),
    "very_bad": (
        "{name} plunges after authorities block its {product}",
        "{name} slumps as fraud investigation widens",
        "{broker} downgrades {name} to sell on weak outlook",
        "{name} slashes full-year guidance as orders collapse",
        "{name} recalls {product}, warns of heavy losses",
        "{symbol} tumbles {percent} after default fears grow",
        "{name} suspends dividend amid deepening losses",
        "lawsuit against {name} seeks {million} in damages",
        "{name} hits multi-year low on dismal sales",
    ),
}

SENTENCES: dict[str, tuple[str, ...]] = {
    "very_good": (
        "shares of {name} surged {percent} after the company reported exceptionally strong orders.",
        "authorities approved plans for the {product}, a major win for {name}.",
        "management raised its outlook sharply and said demand was the strongest on record.",
        "{analyst} at {broker} upgraded the stock, citing outstanding growth and rising margins.",
        "the record contract, worth {million}, will boost profit for years.",
        "{name} said revenue from its {product} soared in {region}.",
        "the company outperformed every rival in the {sector} sector and gained market share.",
    ),
    "good": (
        "shares of {name} rose {small} after the upbeat announcement.",
        "orders in {region} improved and the company sees further growth.",
        "{analyst} at {broker} called the update encouraging and kept a positive view.",
        "margins improved as costs declined and pricing held firm.",
        "{name} gained market share with its {product}.",
        "the agreement strengthens the position of {name} in {region}.",
        "cash flow increased, which allows {name} to reduce debt.",
        "management was confident about the {quarter} quarter.",
    ),
    "neutral": (
        "{name} said the change takes effect next month.",
        "the company did not disclose financial terms.",
        "{analyst} at {broker} kept an unchanged view on the stock.",
        "a spokesperson for {name} said the schedule had not changed.",
        "the filing covers the {quarter} quarter of the year.",
        "{name} operates its {product} business in {region} and elsewhere.",
        "trading in the shares was in line with the average of the past month.",
        "the company said it would give details at its next investor day.",
    ),
    "bad": (
        "shares of {name} fell {small} after the disappointing announcement.",
        "orders in {region} weakened and the company sees slower growth.",
        "{analyst} at {broker} called the update disappointing and turned cautious.",
        "margins declined as costs rose and pricing weakened.",
        "{name} lost market share with its {product}.",
        "the dispute hurts the position of {name} in {region}.",
        "cash flow decreased and debt increased, raising concern among investors.",
        "management warned that the {quarter} quarter would be difficult.",
    ),
    "very_bad": (
        "shares of {name} plunged {percent} after the company reported a collapse in orders.",
        "authorities rejected plans for the {product}, a severe setback for {name}.",
        "management slashed its outlook and warned of heavy losses.",
        "{analyst} at {broker} downgraded the stock, citing weak demand and shrinking margins.",
        "the lawsuit alleges fraud and could cost {name} {million}.",
        "{name} said revenue from its {product} slumped in {region}.",
        "the company faces a liquidity crisis and announced deep job cuts.",
    ),
}

EARNINGS_TITLES: dict[str, tuple[str, ...]] = {
    "very_good": (
        "{name} crushes estimates, raises guidance",
        "{name} profit soars {percent}, beats forecasts by a wide margin",
        "{name} posts record {quarter}-quarter profit as sales surge",
        "blockbuster quarter for {name}: earnings of {eps} a share beat expectations",
    ),
    "good": (
        "{name} earnings beat expectations",
        "{name} {quarter}-quarter profit rises {small}, tops forecasts",
        "{name} reports higher revenue and confirms positive outlook",
        "{name} earns {eps} a share, better than expected",
        "{name} margins improve in {quarter} quarter",
    ),
    "neutral": (
        "{name} reports {quarter}-quarter results",
        "{name} earns {eps} a share, in line with estimates",
        "{name} results match forecasts, guidance unchanged",
        "earnings summary: {name} ({symbol})",
    ),
    "bad": (
        "{name} earnings miss expectations",
        "{name} {quarter}-quarter profit falls {small}, below forecasts",
        "{name} reports lower revenue and cautious outlook",
        "{name} earns {eps} a share, worse than expected",
        "{name} margins shrink in {quarter} quarter",
    ),
    "very_bad": (
        "{name} badly misses estimates, cuts guidance",
        "{name} profit plunges {percent}, far below forecasts",
        "{name} posts {quarter}-quarter loss as sales slump",
        "dismal quarter for {name}: loss of {eps} a share shocks investors",
    ),
}

EARNINGS_SENTENCES: dict[str, tuple[str, ...]] = {
    "very_good": (
        "{name} reported earnings of {eps} a share, far above the consensus.",
        "revenue surged {percent}, driven by exceptionally strong demand for its {product}.",
        "the company raised its full-year forecast and boosted its dividend.",
        "profit hit a record as margins expanded strongly.",
    ),
    "good": (
        "{name} reported earnings of {eps} a share, slightly above the consensus.",
        "revenue rose {small}, helped by improving demand for its {product}.",
        "the company confirmed its forecast and sees solid growth.",
        "profit increased as margins improved.",
    ),
    "neutral": (
        "{name} reported earnings of {eps} a share, in line with the consensus.",
        "revenue was nearly unchanged from a year before.",
        "the company left its forecast unchanged.",
        "a conference call is scheduled for the afternoon.",
    ),
    "bad": (
        "{name} reported earnings of {eps} a share, slightly below the consensus.",
        "revenue fell {small}, hurt by weaker demand for its {product}.",
        "the company gave a cautious forecast and sees slower growth.",
        "profit declined as margins weakened.",
    ),
    "very_bad": (
        "{name} reported a loss of {eps} a share, far worse than the consensus.",
        "revenue plunged {percent}, hit by collapsing demand for its {product}.",
        "the company slashed its full-year forecast and suspended its dividend.",
        "losses deepened as margins collapsed.",
    ),
}

CONTEXT: dict[str, tuple[str, ...]] = {
    "very_good": ("investors cheered the news.", "it was one of the best days for the stock in a year."),
    "good": ("investors welcomed the news.", "the update eased worries about the {sector} sector."),
    "neutral": (
        "{name} trades under the symbol {symbol}.",
        "the {sector} sector was mixed on the day.",
        "the company has operations in {region}.",
        "{broker} covers the stock.",
        "the next report is due in about three months.",
        "shares of {name} are part of the broad index.",
    ),
    "bad": ("investors were disappointed by the news.", "the update added to worries about the {sector} sector."),
    "very_bad": ("investors dumped the stock.", "it was one of the worst days for the stock in a year."),
}
