"""Networks as ONNX graphs, built node by node from their modules: no tracing, every length and batch size."""
