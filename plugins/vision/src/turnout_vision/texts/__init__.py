"""Texts: token ids of a checkpoint's vocabulary, and back."""
