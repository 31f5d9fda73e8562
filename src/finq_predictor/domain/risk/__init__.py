"""How much may be lost, and how much things will move: pure functions of daily returns."""
