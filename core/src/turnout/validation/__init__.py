"""Rules for requests and responses, the same for every backend."""
