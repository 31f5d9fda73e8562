"""From articles to a tone per instrument and bar."""
