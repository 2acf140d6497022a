"""The parsed files as one program: modules, scopes, the bindings of names."""
