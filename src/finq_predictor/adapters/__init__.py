"""Everything that touches the world: sources, stores, registries and quality engines."""
