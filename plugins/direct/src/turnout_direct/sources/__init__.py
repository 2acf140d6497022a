"""The models of a source of ``turnout adopt``: a checkpoint, a name on the hub, a TorchScript file, a function."""
