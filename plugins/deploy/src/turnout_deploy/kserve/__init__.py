"""KServe: the model repository as an InferenceService on a ServingRuntime with Triton."""
