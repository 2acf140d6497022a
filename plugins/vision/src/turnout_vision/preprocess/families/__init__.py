"""Families of image processors: what each does with its settings, in its order, and its settings where a file is silent.

A recipe reads every setting that its image processor in transformers reads, and no other.
"""
