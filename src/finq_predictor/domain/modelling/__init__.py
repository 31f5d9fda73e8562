"""From gold to a calibrated model, and from a model to a prediction."""
