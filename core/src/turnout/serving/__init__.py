"""An open app: models composed from arms, reloaded while requests run."""
