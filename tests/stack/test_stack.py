"""A short form of ``make stack-test``: the parts that take requests and watch, and the ways between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.checkers import checker
from serving import small_market
from stack import hops
from stack.machine import missing
from stack.world import world

pytestmark = pytest.mark.slow
# What trains, keeps experiments and collects lines is left to the long form.
LEFT_OUT = ("scheduler", "mlflow")


@pytest.fixture(scope="module")
def way() -> Iterator[hops.Way]:
    if absent := missing():
        pytest.skip(f"not here: {', '.join(absent)}; `make stack-test APT=1` installs them, or apt-get does")
    with world(checker("docker-compose"), None, without=LEFT_OUT) as around:
        for market in ("equity", "fx"):
            small_market.build(around.root, market)
        try:
            around.stack.up()
            yield hops.Way(around)
        finally:
            assert around.stack.down() == []


def test_from_a_key_to_a_row_in_the_database_and_a_figure_in_prometheus(way):
    for hop in (hops.accounts, hops.doors, hops.ready, hops.prediction, hops.stored, hops.shared):
        assert hop(way), hop.__doc__
