"""Whether a candidate may be used, and why."""
