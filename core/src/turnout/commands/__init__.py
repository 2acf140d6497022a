"""The work behind each command of the command line, without any terminal output."""
