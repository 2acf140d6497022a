"""As much of HTTP/2 as one gRPC call at a time needs."""
