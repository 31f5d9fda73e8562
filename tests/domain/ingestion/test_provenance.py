"""The identity of a simulated market names its preset; files of before there were presets are read as before."""

import pytest

from finq_predictor.domain.ingestion.provenance import preset_of, simulated_id
from synthetic_values import make_provenance


@pytest.mark.parametrize("preset", ["easy", "realistic", "half-kind"])
def test_a_preset_is_read_from_the_identity(preset):
    assert preset_of(simulated_id(preset, "0a1b2c3d4e5f")) == preset


@pytest.mark.parametrize("source_id", ["simulated-0a1b2c3d4e5f", "simulated", "own-easy-1", "own", "", "simulated--x"])
def test_other_identities_name_none(source_id):
    assert preset_of(source_id) is None


def test_only_made_up_data_have_a_preset():
    source_id = simulated_id("easy", "0a1b2c3d4e5f")
    assert make_provenance(source_id=source_id).preset == "easy"
    assert make_provenance(source_id=source_id, simulated=False).preset is None
    assert make_provenance().preset is None
