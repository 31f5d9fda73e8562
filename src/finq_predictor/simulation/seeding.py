"""One random stream per purpose and instrument, so that neither chunks nor options shift another stream."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def stream(seed: int, purpose: str, index: int = 0) -> np.random.Generator:
    """The random generator of one purpose and one instrument.

    Args:
        seed: Seed of the market.
        purpose: What is drawn, such as ``"equity.path"``; another purpose gives independent numbers.
        index: Number of the instrument.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(purpose.encode()), index])))


def student_t(generator: np.random.Generator, degrees: float, size: int | tuple[int, ...]) -> np.ndarray:
    """Student-t shocks scaled to unit variance; ``degrees`` must exceed 2."""
    return np.asarray(generator.standard_t(degrees, size) * np.sqrt((degrees - 2.0) / degrees))
