"""Model repositories on disk: versions, atomic publishing and evidence."""
