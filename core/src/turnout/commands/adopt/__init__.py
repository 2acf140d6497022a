"""The adoption of models from a source: found, written, exported, proved, measured."""
