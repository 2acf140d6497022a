"""The changes: settings of a model for turnout.yaml, and the line that calls it by its name."""
