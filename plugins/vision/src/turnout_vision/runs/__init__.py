"""Runs of a pipeline over picture files: records, results, resuming."""
