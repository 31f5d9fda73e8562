"""The page of a study: which family says what over which horizon, and how far that is chance."""
