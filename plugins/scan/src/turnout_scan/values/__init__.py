"""The values of expressions, as far as the rules need them: models, tensors, clients, functions of the tree."""
