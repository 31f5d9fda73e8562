"""The variables of the environment: each declared once, read in one place, and none that is unknown."""
