"""Great Expectations behind the validator of the Kedro catalog."""
