"""What each feature is worth alone: how it goes with what followed, how surely, how steadily, beside which others."""
