"""What a page says about the kind of a made-up market."""

from finq_predictor.reports.lineage import PRESETS, preset_in_words
from finq_predictor.simulation import presets


def test_every_preset_of_the_simulator_is_put_into_words():
    assert set(PRESETS) == set(presets.PRESETS)


def test_a_preset_is_a_sentence_and_none_is_nothing():
    assert preset_in_words("easy").startswith("It was made with the preset easy, which is kinder than markets are")
    assert preset_in_words("unheard of") == "It was made with the preset unheard of."
    assert preset_in_words(None) == ""
