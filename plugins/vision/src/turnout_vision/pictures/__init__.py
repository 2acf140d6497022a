"""Pictures: files and arrays, read as RGB pixels within limits."""
