"""The words of the lexicon scorer, written for this project; a trailing ``*`` stands for any ending.

Five kinds of words carry meaning:

- *directions* say that something goes up or down; whether that is good depends on the noun beside them;
- *good* and *bad nouns* turn a direction into news: "profit falls", "losses narrow", "unemployment rises";
- *tones* are good or bad by themselves: "upgrade", "fraud";
- *switches* change what stands near: negations, intensifiers, hedges, words of concession and of rest;
- *phrases* mean something else than their words: "stop loss", "profit booking", "rate cut".

Numbers are written ``#`` in phrases and hyphens read as spaces, so ``# week high`` matches "52-week high".
The words were chosen from general knowledge of financial English and tuned on one half of a labelled headline
corpus; the other half gives the figures that are reported.
"""

from __future__ import annotations

UP: dict[float, str] = {
    1.6: "surg* soar* skyrocket* zoom* rocket* spurt* catapult* double* doubling triple* tripling quadruple* multifold",
    1.2: "jump* rall* climb* leap* spike* shot shoots vault* balloon* swell*",
    1.0: "rise rises rising risen rose gain gains gained gaining up grow grows growing grew grown increas* advance "
    "advances advanced advancing higher widen* expand* accelerat* strengthen* firm firms firmed firmer raise raises "
    "raised raising hike hikes hiked hiking boost boosts boosted boosting lift lifts lifted lifting highest uptick "
    "upmove upside upswing upturn uptrend inch edges* recover* rebound* bounce* revive* revival upward upwards "
    "build builds mount mounts mounting top* add adds added pick* pared_up",
}

DOWN: dict[float, str] = {
    1.6: "plung* plummet* crash* nosedive* tank tanks tanked tanking tumbl* slump* collaps* crater* freefall "
    "halve* halving",
    1.2: "sink sinks sank sinking sunk skid* slid* drag* erode* crack cracks cracked dive dives dived "
    "shrink* shrank shrunk",
    1.0: "fall falls falling fallen fell drop drops dropped dropping declin* decreas* down lower lowers lowered "
    "lowering dip dips dipped dipping slip slips slipped slipping lose loses losing lost weaken* cut cuts cutting "
    "reduc* narrow narrows narrowed narrowing contract contracts contracted contraction slow slows slowed slowing "
    "slowdown shed sheds shedding retreat* ease eases eased easing soften* lowest downside downturn downtrend "
    "downmove trim trims trimmed pare pares pared decelerat* slash* downward downwards moderat* cool cools cooled "
    "slowest weigh* pull* curb* dampen* off ebb*",
}

GOOD_NOUNS: str = (
    "profit* revenue* sale sales turnover income earning* margin* growth demand dividend* output production order "
    "orders export* share shares stock stocks price prices futures index indices guidance outlook forecast* target "
    "targets rating ratings net ebitda eps pat cash cashflow deliveries booking bookings subscriber* market markets "
    "value valuation* confidence sentiment gdp yield* volume volumes traffic users jobs payroll* productivity "
    "investment* inflow* stake exposure holdings deposits loans aum surplus reserves backlog currency rupee dollar "
    "euro pound yen yuan gold oil crude copper equities bank banks"
)

BAD_NOUNS: str = (
    "loss losses debt debts cost costs expense* unemployment jobless* inflation deficit* npa npas default* "
    "delinquenc* provision* provisioning impairment* writedown* liabilit* layoff* tax taxes tariff* duty duties risk "
    "risks volatility vix fear fears worry worries concern* tension* uncertaint* claims complaint* outage* delay* "
    "backwardation churn attrition outflow* slippage* borrowings leverage pledge pledged shortage* crisis pressure "
    "pressures burden penalt* fine fines bankruptc* insolvenc* redemption* selloff arrears headwind* competition "
    "oversupply glut inventories vacancy"
)

POSITIVE: dict[float, str] = {
    1.3: "upgrade* outperform* bullish beat beats beating record win wins winning won wow blockbuster stellar "
    "oversubscribed",
    1.0: "strong stronger strongest robust positive optimis* upbeat attractive healthy solid impressive "
    "improve* improving improvement buoy* cheer* buy accumulate favourable favorable good better best great "
    "opportunit* approv* nod clearance bag bags bagged secures secured award* success* exceed* surpass* "
    "outpac* overweight breakthrough profitable rewarding promising encouraging bright* momentum benefit* "
    "tailwind* stimulus rosy buoyant undervalued cheap supportive support comfortable comfortably bulls bull "
    "stabilis* stabiliz* turnaround resilien* launch* partnership collaborat* invest multibagger hot shine* "
    "glitter* sparkl* ahead peak fuel* lead* prefer* like recommend* sweet spark* help* aid* trump*",
}

NEGATIVE: dict[float, str] = {
    1.3: "downgrade* underperform* bearish miss misses missed fraud* scam* bankrupt* insolven* default defaults "
    "defaulted crisis crash plague* worst",
    1.0: "weak weaker weakest weakness poor dismal disappoint* bad worse worsen* negative pessimis* gloom* bleak sell "
    "avoid underweight sluggish subdued tepid bears bear warn* threat* fear* worr* concern* risky probe* "
    "investigat* lawsuit* sue sues sued suing fine fined penal* reject* ban bans banned halt* suspend* delay* "
    "recall* layoff* strike* hit hits hurt* trouble* struggl* suffer* fail* stress* volatil* choppy expensive "
    "overvalued stretched costly correction bleed* drain* lag lags lagged lagging lacklustre lackluster "
    "damp* spook* jitter* rattl* turmoil slack trail* cautious caution shock* panic* dent* woe* "
    "exit* oversold overbought resign* quit* steps_down allegation* alleg* violat* default* scandal* raid* arrest* "
    "headwind* squeeze* wipe* grim pain* problem* shortfall deteriorat* dull bleeding selloff dump* shun* "
    "oppos* charges warns cancel* closure shut* shutdown terminat* impair* writedown* writeoff",
}

NEGATIONS: str = (
    "not no never neither nor without hardly cannot can't don't doesn't didn't won't isn't aren't wasn't weren't "
    "couldn't shouldn't wouldn't unlikely fails failed fail lacks lack denies deny denied rule* refus* limited"
)
INTENSIFIERS: str = (
    "very sharp sharply steep steeply strongly heavily significantly massive huge big biggest most highly deep deeply "
    "extremely substantially considerably dramatically record"
)
HEDGES: str = "may might could can likely possibly slightly marginally modestly slight little nearly partially some"
CONCESSIONS: str = "despite although though notwithstanding"
TURNS: str = "but however yet"
LINKS: str = "after as on amid due while and ahead following with over post because since ; : , . ! ?"
REST: str = (
    "flat mixed unchanged steady rangebound consolidat* sideways hold neutral stable wait stay sidelines balanced "
    "listless"
)

PHRASES: dict[str, tuple[str, float]] = {
    # role, weight: "tone" is good or bad by itself, "up"/"down" a direction, "good"/"bad" a noun, "none" means nothing
    "stop loss": ("none", 0.0),
    "profit booking": ("tone", -1.0),
    "profit taking": ("tone", -1.0),
    "profit warning": ("tone", -1.5),
    "short covering": ("tone", 0.8),
    "bargain hunting": ("tone", 0.8),
    "bargain buying": ("tone", 0.8),
    "all time high": ("tone", 1.2),
    "all time low": ("tone", -1.2),
    "life* high": ("tone", 1.2),
    "record high": ("tone", 1.2),
    "record low": ("tone", -1.2),
    "# week high": ("tone", 1.0),
    "# week low": ("tone", -1.2),
    "# month high": ("tone", 1.0),
    "# month low": ("tone", -1.2),
    "# year high": ("tone", 1.0),
    "# year low": ("tone", -1.2),
    "multi year high": ("tone", 1.0),
    "multi year low": ("tone", -1.2),
    "bad loan*": ("bad", -1.0),
    "market share": ("good", 0.0),
    "price target": ("good", 0.0),
    "target price": ("good", 0.0),
    "in the red": ("tone", -1.0),
    "in the green": ("tone", 1.0),
    "in red": ("tone", -1.0),
    "in green": ("tone", 1.0),
    "little changed": ("rest", 0.0),
    "range bound": ("rest", 0.0),
    "share sale": ("none", 0.0),
    "stake sale": ("none", 0.0),
    "interest rate*": ("none", 0.0),
    "below estimate*": ("tone", -1.2),
    "above estimate*": ("tone", 1.2),
    "tops estimate*": ("tone", 1.3),
    "tops forecast*": ("tone", 1.3),
    "lags forecast*": ("tone", -1.3),
    "sell off": ("tone", -1.2),
    "write off*": ("tone", -1.2),
    "write down*": ("tone", -1.2),
    "step* down": ("tone", -0.6),
    "steps up": ("none", 0.0),
    "set up": ("none", 0.0),
    "sets up": ("none", 0.0),
    "take* over": ("none", 0.0),
    "buy back": ("tone", 0.8),
    "buyback": ("tone", 0.8),
    "sell call": ("tone", -1.2),
    "buy call": ("tone", 1.2),
}

EQUITY_PHRASES: dict[str, tuple[str, float]] = {
    "rate cut*": ("tone", 0.8),
    "rate hike*": ("tone", -0.8),
    "tax cut*": ("tone", 0.8),
}

FX_PHRASES: dict[str, tuple[str, float]] = {
    "rate cut*": ("tone", -1.2),
    "rate hike*": ("tone", 1.2),
    "raises rate*": ("tone", 1.2),
    "cuts rate*": ("tone", -1.2),
    "safe haven": ("tone", 0.6),
}
FX_POSITIVE: dict[float, str] = {1.2: "hawkish* tighten* appreciat*"}
FX_NEGATIVE: dict[float, str] = {1.2: "dovish* devalu* depreciat*", 1.0: "intervention accommodative"}
