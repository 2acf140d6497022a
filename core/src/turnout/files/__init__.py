"""Files that change whole, locks between processes, and watching a file for changes."""
