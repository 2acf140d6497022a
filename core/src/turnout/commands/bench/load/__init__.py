"""Loads on a target: callers that wait for their answers, and requests that arrive at random times."""
