"""Kedro hooks, one class a file."""
