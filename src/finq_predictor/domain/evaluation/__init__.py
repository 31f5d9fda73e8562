"""How good a model is, and what it would have earned."""
