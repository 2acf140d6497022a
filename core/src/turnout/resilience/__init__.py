"""State machines and counters for circuit breaking and retries; ``middleware`` applies them to calls."""
