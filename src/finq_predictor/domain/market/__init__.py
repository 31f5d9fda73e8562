"""The markets, and when each is open."""
