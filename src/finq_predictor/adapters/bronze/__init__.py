"""What the sources delivered, as received: kept for ever, addressed by its content."""
