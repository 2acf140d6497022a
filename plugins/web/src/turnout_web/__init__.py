"""A server and a page for the models and pipelines of turnout.yaml."""
