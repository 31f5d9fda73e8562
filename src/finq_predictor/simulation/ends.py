"""Stocks that fail and stocks that are taken over.

A failure comes mostly to those that have fallen far (Campbell, Hilscher and Szilagyi, 2008) and costs about 30 % of the
price that was left (Shumway, 1997, for the New York and American exchanges). A takeover brings a premium of about a
quarter (Andrade, Mitchell and Stafford, 2001); here it is announced and paid on the last day, so that the months in
between are left out. Nobody knows of an end before it comes, only its chance, and who bears the chance is paid for it:
see ``kernels.end_lives``. Who looks only at the stocks that lasted sees the pay without the losses.
"""

from __future__ import annotations

import numpy as np

from finq_predictor.simulation.seeding import stream

YEAR = 252
LOSS = (0.05, 0.55)
PREMIUM = (0.10, 0.40)
POWER = 4.0
"""A stock at half of its price of a year before fails 2 ** 4 = 16 times as often as one that stands where it stood."""
MOST = 0.02


def draw_ends(
    seed: int,
    numbers: range,
    returns: np.ndarray,
    listing: tuple[np.ndarray, np.ndarray],
    yearly: tuple[float, float],
    shortest: int,
) -> tuple[np.ndarray, np.ndarray]:
    """When some stocks end, and what that does to their returns.

    Args:
        seed: Seed of the market.
        numbers: Running numbers of the stocks, N of them.
        returns: (N, T) simple total returns without ends.
        listing: (N,) first and (N,) last listed days without ends.
        yearly: Chances a year of a failure, for a stock at its price of a year before, and of a merger.
        shortest: Days for which every stock is listed.

    Returns:
        (N,) last listed days; (N, T) factors on one plus the return.
    """
    from finq_predictor.simulation.kernels import end_lives

    uniforms = np.stack([stream(seed, "equity.ends", number).random((returns.shape[1], 2)) for number in numbers])
    failure, merger = (chance / YEAR for chance in yearly)
    first, last = listing
    return end_lives(returns, first, last, failure, merger, LOSS, PREMIUM, uniforms, YEAR, POWER, MOST, shortest)
