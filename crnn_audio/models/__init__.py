"""The network: convolutions, recurrent layers, heads. Start with `crnn.py`."""
