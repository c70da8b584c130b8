"""What makes the shipped models, records and pictures: `python -m workshop VERB`, from the root."""
