"""Pipeline steps for pictures: load, segment regions, caption, answer."""
