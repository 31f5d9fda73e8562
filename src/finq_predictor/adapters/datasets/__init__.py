"""The Kedro datasets through which the pipelines read and write."""
