"""All families of models over seeds, horizons and ways of dividing the rows, in pieces that survive a kill."""
