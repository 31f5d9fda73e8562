"""From probabilities to weights within limits: optimisers, judged after costs beside equal weights."""
