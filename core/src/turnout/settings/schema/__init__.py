"""The keys of turnout.yaml, one pydantic model for each part."""
