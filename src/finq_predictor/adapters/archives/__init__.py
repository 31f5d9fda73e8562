"""Backups by schedule: everything that is ours, in one compressed file or in an object store, and back again."""
