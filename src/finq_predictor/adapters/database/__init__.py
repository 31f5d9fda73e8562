"""What several people and programs ask about predictions, in a database that they share."""
