"""The sentiment stage."""
