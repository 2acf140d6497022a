"""The port of an app: a table of paths, each answered by a WSGI application."""
