"""The server: sockets, one process or several workers, and their end."""
