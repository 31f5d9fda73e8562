"""Sources of bars, articles and macro series: one file, one class."""
