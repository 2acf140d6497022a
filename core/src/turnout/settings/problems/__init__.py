"""Problems in a settings file, worded for the person who wrote it."""
