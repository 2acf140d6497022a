"""Problems in a settings file, in words for its author."""
