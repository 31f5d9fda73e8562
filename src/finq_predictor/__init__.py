"""Point-in-time features, calibrated probabilities and governed predictions for equities and FX."""
