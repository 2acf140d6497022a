"""Large tensors to and from a server on the same host, through POSIX shared memory."""
