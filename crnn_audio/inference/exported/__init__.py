"""Exported models in use: onnxruntime and NumPy, without torch."""
