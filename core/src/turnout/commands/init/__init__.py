"""A first turnout.yaml: of model files, of a model repository, or from the example of an installed backend."""
