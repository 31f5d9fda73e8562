"""Sets of features by name, those of a user among them."""

from __future__ import annotations

import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.features import REGISTRY, select_features
from finq_predictor.domain.features.sets import SETS, members_of, with_own
from finq_predictor.domain.market.markets import get_market

EQUITY, FX = get_market("equity"), get_market("fx")
FIELDS = {name for spec in REGISTRY.values() for name in spec.inputs if "*" not in name} | {"macro_cpi"}
ASKED_OF_FX = (
    *("ret_1", "ret_5", "vol_20", "spread_pct", "zscore_20", "ewma_short", "ewma_long", "high_vol_regime"),
    *("asian_session", "london_session", "new_york_session"),
)


def names(market, name, own=None) -> list[str]:
    members = members_of(name, with_own(own or {}))
    return [spec.name for spec in select_features(market, FIELDS, members=members)]


def test_who_says_nothing_gets_what_was_there_before_others_published_theirs():
    default = [spec.name for spec in select_features(EQUITY, FIELDS)]
    assert default == names(EQUITY, "house")
    assert not set(default) & set(names(EQUITY, "alpha158"))
    others = [*names(EQUITY, "alpha158"), *names(EQUITY, "sequence")]
    assert sorted([*default, *others]) == sorted(names(EQUITY, "all"))
    assert sorted(names(EQUITY, "house-sequence")) == sorted([*default, *names(EQUITY, "sequence")])


def test_sets_hold_what_they_say():
    assert len(names(EQUITY, "alpha158")) == len(names(FX, "alpha158")) == 158
    assert (len(names(EQUITY, "sequence")), len(names(FX, "sequence"))) == (80, 60), "no excess without a benchmark"
    assert set(names(FX, "fx-core")) == set(ASKED_OF_FX)
    assert 20 <= len(names(FX, "core")) < len(names(EQUITY, "core")) <= 30
    for each in SETS.values():
        assert each.description.endswith((".", "once."))


def test_every_member_of_a_set_exists_for_some_market():
    for name, each in SETS.items():
        found = {*names(EQUITY, name), *names(FX, name)}
        for member in each.members:
            assert member in found or not member.replace("_", "").isalnum(), member


@pytest.mark.parametrize(
    ("members", "inside", "outside"),
    [
        (["vol_*"], {"vol_5", "vol_of_vol_20_20"}, {"ewma_vol_32", "ret_1"}),
        (["family:volume", "ret_1"], {"vwap_gap_5", "ret_1"}, {"vol_5"}),
        (["set:core", "!vol_*", "vol_60"], {"rsi_14", "vol_60"}, {"vol_20"}),
        (["!ret_1", "ret_*"], {"ret_1"}, set()),
        (["*", "!set:house"], {"KMID", "VSUMD60"}, {"ret_1"}),
        (["macro_zscore_cpi", "ret_1"], {"macro_zscore_cpi", "ret_1"}, {"macro_age_cpi"}),
        (["set:other", "ret_1"], {"ROC5", "ret_1"}, {"ret_5"}),
    ],
)
def test_members_are_names_patterns_families_and_sets(members, inside, outside):
    found = set(names(EQUITY, "mine", {"mine": members, "other": ["ROC5"]}))
    assert inside <= found
    assert not outside & found


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"mine": ["vol_2O"]}, "feature in set 'mine' 'vol_2O'. Did you mean 'vol_20'"),
        ({"mine": ["family:volum"]}, "feature family in set 'mine' 'volum'. Did you mean 'volume'"),
        ({"mine": ["!set:cor"]}, "feature set 'cor'. Did you mean 'core'"),
        ({"mine": ["nothing_*"]}, "feature in set 'mine' 'nothing_"),
    ],
)
def test_near_misses_are_named(own, message):
    with pytest.raises(UnknownNameError, match=message.replace("*", r"\*")):
        with_own(own)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"mine": []}, "'mine' has no member"),
        ({"core": ["ret_1"]}, "a feature set 'core' already"),
        ({"mine": ["set:other"], "other": ["set:mine"]}, "made of itself: mine -> other -> mine"),
    ],
)
def test_what_is_no_set_is_refused(own, message):
    with pytest.raises(ConfigurationError, match=message):
        with_own(own)


def test_a_set_whose_inputs_are_not_there_says_so():
    with pytest.raises(ConfigurationError, match="No feature of equity can be computed"):
        select_features(EQUITY, ("close",), members=members_of("mine", with_own({"mine": ["VWAP0"]})))
