"""Health of the models of an app, from the requests that they answered and failed."""
