"""Snapshots: a market's stored tables as one state, published in one step."""
