"""Whether data are fresh and complete, and whether the world still looks like training."""
