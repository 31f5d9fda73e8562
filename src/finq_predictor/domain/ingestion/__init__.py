"""From what was delivered to silver: read, cleaned, judged."""
