"""What a definition hash sees: everything that computes, and nothing that is only said."""

from __future__ import annotations

import pytest

from finq_predictor.domain.features import REGISTRY, make_feature_set, select_features
from finq_predictor.domain.features import _definition as definition
from finq_predictor.domain.features._definition import SHARED_SOURCES, bare_code, function_code
from finq_predictor.domain.market.markets import get_market

SOURCE = '''"""A module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from somewhere import Bars

LIMIT = 4  # bars
"""As few as this."""


class Windows:
    """Moving sums."""

    size: int = 3
    """Bars."""


@feature(inputs=("close",), windows=(5,), lookback=6, unit="ratio", source="Fama (1970)")
def ret(bars: Bars, n: int) -> Matrix:
    """Return over n bars.

    More about it.
    """
    # The last bar counts.
    change = bars.close / bars.lag(bars.close, n)
    return change - 1.0


@cached
def nothing() -> None:
    """Does nothing."""
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# The last bar counts.", "# And so does the first one."),
        ("    # The last bar counts.\n", ""),
        ("LIMIT = 4  # bars", "LIMIT = 4"),
        ('"""Return over n bars.', '"""Growth over n bars.'),
        ('"""A module."""', '"""The module."""'),
        ('    """Does nothing."""', "    pass"),
        ('"""As few as this."""\n', ""),
        ('    """Moving sums."""\n', ""),
        ("import numpy as np\n", "import numpy as np\nimport pandas as pd\n"),
        ("from somewhere import Bars", "from elsewhere import Bars"),
        ('source="Fama (1970)"', 'source="Fama (1965)"'),
        ("windows=(5,)", "windows=(5, 7)"),
        ("return change - 1.0", "return (\n        change - 1.0\n    )"),
        ("\n", "\r\n"),
    ],
)
def test_words_layout_and_imports_do_not_count(old, new):
    assert old in SOURCE
    assert bare_code(SOURCE.replace(old, new)) == bare_code(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("change - 1.0", "change + 1.0"),
        ("change - 1.0", "change - 1.5"),
        ("change - 1.0", "1.0 - change"),
        ("LIMIT = 4", "LIMIT = 5"),
        ("bars.lag(bars.close, n)", "bars.lag(bars.open, n)"),
        ("bars.lag(bars.close, n)", "bars.lag(bars.close, n - 1)"),
        ("size: int = 3", "size: int = 4"),
        ("n: int", "n: int = 5"),
        ("@cached\n", ""),
        ("def ret", "def growth"),
    ],
)
def test_what_computes_counts(old, new):
    assert old in SOURCE
    assert bare_code(SOURCE.replace(old, new)) != bare_code(SOURCE)


def test_bare_code_is_code():
    compile(bare_code(SOURCE), "bare", "exec")
    for spec in REGISTRY.values():
        code = function_code(spec.function)
        compile(code, spec.name, "exec")
        assert spec.description not in code
        assert "#" not in code
        assert code.startswith(f"def {spec.function.__name__}(")


@pytest.fixture
def edited(monkeypatch):
    """The hash of a feature set after an edit of a shared source."""

    def hash_of(module: str, old: str, new: str) -> str:
        read = definition._module_source

        def edit(name: str) -> str:
            source = read(name)
            if name != module:
                return source
            assert old in source
            return source.replace(old, new)

        with monkeypatch.context() as patched:
            patched.setattr(definition, "_module_source", edit)
            definition.shared_code.cache_clear()
            found = make_feature_set(select_features(get_market("equity"), ("close",))).definitions_hash
        definition.shared_code.cache_clear()
        return found

    return hash_of


@pytest.mark.parametrize("module", SHARED_SOURCES)
def test_a_comment_in_shared_code_keeps_the_hash_and_a_line_changes_it(module, edited):
    untouched = edited(module, "from __future__ import annotations\n", "from __future__ import annotations\n")
    line = "from __future__ import annotations\n"
    assert edited(module, line, f"{line}\n# A comment.\n") == untouched
    assert edited(module, line, f"{line}\nSOMETHING = 1\n") != untouched


def test_an_operator_in_shared_code_changes_the_hash(edited):
    module = "finq_predictor.domain.features._windows"
    assert edited(module, " - ", " + ") != edited(module, " - ", " - ")
