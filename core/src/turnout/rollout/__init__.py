"""Moves of traffic from one backend to another: canary share, shadow and promotion."""
