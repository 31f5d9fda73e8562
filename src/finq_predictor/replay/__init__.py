"""A market's history lived through again, to see whether its tables say what was known and done then."""
