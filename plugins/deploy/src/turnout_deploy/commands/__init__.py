"""``turnout deploy``: one command a file."""
