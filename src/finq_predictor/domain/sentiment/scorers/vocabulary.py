"""The words of the lexicon scorer, written for this project; a trailing ``*`` stands for any ending.

Six kinds of words carry meaning:

- *directions* say that something goes up or down; whether that is good depends on the noun beside them;
- *good*, *bad* and *inverse nouns* turn a direction into news: "profit falls", "losses narrow", "unemployment rises";
  a bad noun is bad news by itself too, an inverse noun ("costs", "supply") is not;
- *tones* are good or bad by themselves: "upgrade", "fraud";
- *switches* change what stands near: negations, intensifiers, hedges, words of concession and of rest;
- *phrases* mean something else than their words: "stop loss", "profit booking", "rate cut".

Numbers are written ``#`` in phrases and hyphens read as spaces, so ``# week high`` matches "52-week high"; ``^`` is the
start of a text, so ``^ sell`` is a recommendation and not a sale.
The words were chosen from general knowledge of financial English and tuned on one half each of a
corpus of labelled headlines and one of labelled tweets; the other halves give the figures that are reported.
"""

from __future__ import annotations

UP: dict[float, str] = {
    1.6: "surge surges surged surging soar* skyrocket* zoom* rockets rocketed rocketing spurt* catapult* double "
    "doubles doubled doubling tripl* quadrupl* multifold",
    1.2: "jump jumps jumped jumping rall* climb* leap* spike* spiking shot shoots vault* balloon* swell* gallop*",
    1.0: "rise rises rising risen rose gain gains gained gaining up grow grows growing grew grown increas* advance "
    "advances advanced advancing higher widen* expand* accelerat* strengthen* firmer firmed raise raises "
    "raised raising hike hikes hiked hiking boost* lift lifts lifted lifting highest uptick upmove upswing "
    "upturn uptrend recover* rebound* bounce* bouncing reviv* upward upwards ups tops topped adds added "
    "appreciat*",
    0.4: "upside add mount mounts mounting",
}

DOWN: dict[float, str] = {
    1.6: "plung* plummet* crash* nosedive* tank tanks tanked tanking tumbl* slump* collaps* crater* freefall halve "
    "halved halves halving",
    1.2: "sink sinks sank sinking sunk skid* slide slides slid sliding drag drags dragged erode* eroding crack "
    "cracks cracked cracking dive dives dived diving shrink* shrank shrunk swoon* sag sags sagged",
    1.0: "fall falls falling fallen fell drop drops dropped dropping declin* decreas* down lower lowers lowered "
    "lowering dip dips dipped dipping slip slips slipped slipping lose loses losing lost weaken* cut cuts "
    "cutting reduc* narrow narrows narrowed narrowing contraction slow slows slowed slowing weaker slowdown "
    "shed sheds shedding retreat* ease eases eased easing soften* lowest downturn downtrend depreciat* "
    "downmove trim trims trimmed pare pares pared decelerat* slash* downward downwards moderat* cool cools "
    "cooled slowest curb* dampen* damp damps ebb ebbs ebbed wilt*",
    0.4: "downside",
}

GOOD_NOUNS: str = (
    "profit* revenue* sale sales turnover income earning* margin* growth demand dividend* output production order "
    "orders export* share shares stock stocks price prices futures index indices guidance outlook forecast* target "
    "targets rating ratings net ebitda eps pat cash cashflow deliveries booking bookings subscriber* market markets "
    "value valuation* confidence sentiment gdp volume volumes traffic users jobs payroll* productivity investment* "
    "inflow* stake exposure holdings deposits loans aum surplus reserves backlog currency rupee dollar euro pound "
    "yen yuan gold oil crude copper equities bank banks estimates"
)

BAD_NOUNS: str = (
    "loss losses npa npas delinquenc* fear fears worry worries concern* tension* uncertaint* outage* crisis layoff* "
    "headwind* selloff arrears woes writedown* slippage* pressure pressures"
)

INVERSE_NOUNS: str = (
    "risk risks debt debts cost costs expense* unemployment jobless* inflation deficit* default provision* "
    "provisioning impairment* liabilit* tax taxes tariff* duty duties volatility vix claims complaint* delays "
    "backwardation churn attrition outflow* borrowings leverage pledge pledged shortage* burden redemption* "
    "competition oversupply glut inventories inventory vacancy supply supplies yield yields arrivals spread spreads"
)

POSITIVE: dict[float, str] = {
    1.3: "upgrade* outperform* bullish beat beats blockbuster stellar oversubscribed",
    1.0: "strong stronger strongest robust positive positives optimis* upbeat healthy solid impressive improve "
    "improves improved improving improvement buoy buoyed buoyant cheer cheers cheered bags bagged secures "
    "secured exceed* surpass* outpac* overweight rosy turnaround resilien* multibagger win wins winning "
    "favourable favorable undervalued breakthrough encouraging record accumulate shine* shines glitter* "
    "sparkl* tailwind* breakout profitable bargain brighter",
    0.7: "winners winner attractive good better best great promising success* awarded benefit* momentum bright "
    "brightens bulls bull stabilis* stabiliz* supportive comfortable stimulus hopes hope hot cheap well "
    "approv* high highs opportunit* fuel fuels fuelled fueling helps helped aided peaked relief upper "
    "rewarding thriv* bets bet preferred interesting outshine* interest",
    0.5: "buying buy potential nod clearance recommended prefer prefers premium returns",
}

NEGATIVE: dict[float, str] = {
    1.3: "downgrade* underperform* bearish miss misses missed scam* bankrupt* insolven* defaults defaulted worst",
    1.0: "weak weakest weakness poor dismal disappoint* bad worse worsen* negative negatives pessimis* gloom* bleak "
    "underweight sluggish subdued tepid bears bear warn warns warned threat* risky lawsuit* penal* rejects "
    "rejected reject ban bans banned halts halted suspend* hurt hurts hurting trouble* struggl* suffer* "
    "volatile choppy expensive overvalued stretched costly bleed* drain drains drained lag lags lagged lagging "
    "lacklustre lackluster spook* jitter* rattl* turmoil dent dents dented headwind* squeez* wipe wipes wiped "
    "grim pain pains painful shortfall deteriorat* dull shun shuns shunned overbought oversold beware probe "
    "fizzl* sour sours soured rout routs mayhem bloodbath meltdown scare* stuck derail* hammer* pummel* "
    "batter*",
    0.7: "fraud* investigat* sue sues sued suing delay delayed delays recall* strike* stress* cautious cautiously "
    "caution shock* panic* problem* dump dumps dumped oppos* charges cancel* closure shutdown terminat* tough "
    "allegation* alleg* violat* scandal* raid raids arrested offload* withdraw* criticism low lows difficult "
    "downbeat challenging thin fragile bite bites mess selling underperformance avoid losers pullback falter* "
    "accused accuses probing breach breaches obliterat* punctur* plagued layoffs flop flops flopped slowdowns",
    0.4: "correction sell exit exits discount worried concerned curbs",
}

NEGATIONS: str = (
    "not no never neither nor without hardly cannot can't don't doesn't didn't won't isn't aren't wasn't weren't "
    "couldn't shouldn't wouldn't unlikely fails failed fail failing lacks lack denies deny denied refus* limited "
    "wont dont"
)
INTENSIFIERS: str = (
    "very sharp sharply steep steeply strongly heavily significantly massive huge big biggest most highly deep "
    "deeply extremely substantially considerably dramatically"
)
HEDGES: str = "may might could can likely possibly slightly marginally modestly slight little nearly partially some"
CONCESSIONS: str = "despite although though notwithstanding"
TURNS: str = "but however yet"
REASONS: str = "after as on amid due following with over because since ahead while"
BREAKS: str = "and post ; : ,"
STOPS: str = ". !"
REST: str = (
    "flat mixed unchanged steady steadies rangebound consolidat* sideways hold neutral stable wait sidelines "
    "balanced listless muted"
)

# Role and weight: "tone" is good or bad by itself, "good", "bad" and "inverse" are nouns, "rest" calms the text,
# "direction" moves a noun, and "none" means nothing.
PHRASES: dict[str, tuple[str, float]] = {
    "^ sell": ("tone", -1.3),
    "^ buy": ("tone", 1.3),
    "^ avoid": ("tone", -1.3),
    "^ exit": ("tone", -1.0),
    "^ short": ("tone", -1.0),
    "^ accumulate": ("tone", 1.2),
    "^ go long": ("tone", 1.0),
    "stay away": ("tone", -1.2),
    "stay long": ("tone", 0.8),
    "go long": ("tone", 0.8),
    "go short": ("tone", -0.8),
    "fresh shorts": ("tone", -0.8),
    "long term": ("tone", 0.4),
    "stop loss": ("none", 0.0),
    "target of": ("tone", 0.4),
    "buy on dips": ("tone", 0.8),
    "buying on dips": ("tone", 0.8),
    "on dips": ("none", 0.0),
    "profit booking": ("tone", -1.0),
    "profit taking": ("tone", -1.0),
    "profit warning": ("tone", -1.5),
    "short covering": ("tone", 0.8),
    "bargain hunting": ("tone", 0.8),
    "bargain buying": ("tone", 0.8),
    "value buying": ("tone", 0.8),
    "all time high*": ("direction", 1.2),
    "all time low*": ("direction", -1.2),
    "life* high*": ("direction", 1.2),
    "record high*": ("direction", 1.2),
    "record low*": ("direction", -1.2),
    "# week high*": ("direction", 1.0),
    "# week low*": ("direction", -1.2),
    "# month high*": ("direction", 1.0),
    "# month low*": ("direction", -1.2),
    "# year high*": ("direction", 1.0),
    "# year low*": ("direction", -1.2),
    "year low*": ("direction", -1.0),
    "year high*": ("direction", 0.8),
    "high valuation*": ("tone", -0.6),
    "upper circuit": ("tone", 1.2),
    "lower circuit": ("tone", -1.2),
    "bad loan*": ("bad", -1.0),
    "market share": ("good", 0.0),
    "price target": ("good", 0.0),
    "target price": ("good", 0.0),
    "initial gains": ("good", 0.0),
    "early gains": ("good", 0.0),
    "trim* gains": ("tone", -0.8),
    "pare* gains": ("tone", -0.8),
    "erase* gains": ("tone", -1.0),
    "cap* gains": ("tone", -0.6),
    "pare* losses": ("tone", 0.5),
    "extend* losses": ("tone", -1.2),
    "extend* gains": ("tone", 1.2),
    "extend* weakness": ("tone", -1.2),
    "losing streak": ("tone", -1.0),
    "winning streak": ("tone", 1.0),
    "in the red": ("tone", -1.0),
    "in the green": ("tone", 1.0),
    "in red": ("tone", -1.0),
    "in green": ("tone", 1.0),
    "little changed": ("rest", 0.0),
    "range bound": ("rest", 0.0),
    "wait and watch": ("rest", 0.0),
    "share sale": ("none", 0.0),
    "stake sale": ("none", 0.0),
    "interest rate*": ("none", 0.0),
    "interest in": ("tone", 0.4),
    "tax free": ("none", 0.0),
    "below estimate*": ("tone", -1.2),
    "above estimate*": ("tone", 1.2),
    "below #": ("tone", -0.7),
    "above #": ("tone", 0.5),
    "tops estimate*": ("tone", 1.3),
    "tops forecast*": ("tone", 1.3),
    "top estimate*": ("tone", 1.3),
    "lags forecast*": ("tone", -1.3),
    "sell off": ("tone", -1.2),
    "write off*": ("tone", -1.2),
    "write down*": ("tone", -1.2),
    "hit by": ("tone", -1.0),
    "hit hard": ("tone", -1.0),
    "take* a hit": ("tone", -1.0),
    "weigh* on": ("tone", -1.0),
    "under pressure": ("tone", -1.0),
    "feel the heat": ("tone", -1.0),
    "loss at": ("tone", -0.2),
    "loss of": ("tone", -0.4),
    "swings to profit": ("tone", 1.3),
    "back in profit": ("tone", 1.2),
    "back in the black": ("tone", 1.2),
    "swings to loss": ("tone", -1.3),
    "turns profitable": ("tone", 1.2),
    "# growth": ("tone", 0.8),
    "profit growth": ("tone", 0.6),
    "sales growth": ("tone", 0.6),
    "revenue growth": ("tone", 0.6),
    "turnover growth": ("tone", 0.6),
    "growth in": ("tone", 0.4),
    "subscribed # times": ("tone", 0.6),
    "over subscribed": ("tone", 1.0),
    "buy back": ("tone", 0.6),
    "buyback": ("tone", 0.6),
    "sell call": ("tone", -1.2),
    "buy call": ("tone", 1.2),
    "firm up": ("tone", 0.8),
    "prices firm": ("tone", 0.8),
    "futures firm": ("tone", 0.8),
    "stay* firm": ("tone", 0.6),
    "bounce* back": ("tone", 1.0),
    "pick* up": ("direction", 1.0),
    "ramp* up": ("direction", 1.0),
    "wins order*": ("tone", 1.2),
    "wins contract*": ("tone", 1.2),
    "won order*": ("tone", 1.2),
    "won contract*": ("tone", 1.2),
    "up to": ("none", 0.0),
    "fund raising": ("none", 0.0),
    "raise rs": ("none", 0.0),
    "raises rs": ("none", 0.0),
    "raise up": ("none", 0.0),
    "raise over": ("none", 0.0),
    "raise around": ("none", 0.0),
    "raise fund*": ("none", 0.0),
    "raise capital": ("none", 0.0),
    "raise #": ("none", 0.0),
    "raises #": ("none", 0.0),
    "gear* up": ("none", 0.0),
    "line* up": ("none", 0.0),
    "open* up": ("none", 0.0),
    "catch up": ("none", 0.0),
    "hang* up": ("none", 0.0),
    "wrap* up": ("none", 0.0),
    "give* up": ("none", 0.0),
    "come* up": ("none", 0.0),
    "round up": ("none", 0.0),
    "start up*": ("none", 0.0),
    "take* up": ("none", 0.0),
    "steps up": ("none", 0.0),
    "set up": ("none", 0.0),
    "sets up": ("none", 0.0),
    "dry* up": ("tone", -0.6),
    "buy* up": ("tone", 0.5),
    "play* down": ("none", 0.0),
    "step* down": ("none", 0.0),
    "shut* down": ("tone", -0.8),
    "break* down": ("tone", -0.8),
    "cools off": ("direction", -1.0),
    "sign up": ("none", 0.0),
    "team* up": ("none", 0.0),
    "doubles down": ("none", 0.0),
    "better buy": ("none", 0.0),
    "stock to buy": ("rest", 0.0),
    "stocks to buy": ("rest", 0.0),
    "break* down the": ("none", 0.0),
    "lay* off": ("tone", -0.8),
    "scale* back": ("tone", -0.8),
    "legal action": ("tone", -0.8),
    "missing forecast*": ("tone", -1.2),
    "missing estimate*": ("tone", -1.2),
    "as expected": ("rest", 0.0),
    "in line": ("rest", 0.0),
    "lower* interest rate*": ("none", 0.0),
}

SHARE_PHRASES: dict[str, tuple[str, float]] = {
    "rate cut*": ("tone", 0.8),
    "rate hike*": ("tone", -0.8),
    "tax cut*": ("tone", 0.8),
}

CURRENCY_PHRASES: dict[str, tuple[str, float]] = {
    "rate cut*": ("tone", -1.2),
    "rate hike*": ("tone", 1.2),
    "rate increase*": ("tone", 1.2),
    "raise* rate*": ("tone", 1.2),
    "hike* rate*": ("tone", 1.2),
    "raise* interest rate*": ("tone", 1.2),
    "cut* rate*": ("tone", -1.2),
    "cut* interest rate*": ("tone", -1.2),
    "lower* rate*": ("tone", -1.2),
    "hot inflation": ("tone", 0.8),
    "inflation beats": ("tone", 0.8),
    "trade surplus": ("good", 0.0),
    "safe haven": ("tone", 0.6),
    "quantitative easing": ("tone", -1.2),
    "asset purchase*": ("inverse", 0.0),
}

CURRENCY_POSITIVE: dict[float, str] = {
    1.2: "hawkish* tighten*",
}
CURRENCY_NEGATIVE: dict[float, str] = {
    1.2: "dovish* devalu*",
    0.8: "intervention accommodative",
}
