"""The stages of the life cycle as Kedro pipelines."""
