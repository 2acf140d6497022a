"""The rules: one a file, each with its planted bug and its near miss in the tests."""
