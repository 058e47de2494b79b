"""Writing to MLflow: the only writer."""
