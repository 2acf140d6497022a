"""The arithmetic behind circuit breaking and retrying; the behaviors themselves are middleware."""
