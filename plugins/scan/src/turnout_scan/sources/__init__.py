"""The files of a code base: found, read and parsed within limits, each one that is not with its reason."""
