"""The families of generating models, a group of classes a file."""
