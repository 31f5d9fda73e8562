"""Published snapshots and backups in an object store, by URL: pushed, pulled, cleared away."""
