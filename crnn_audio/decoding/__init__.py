"""From log-probabilities to tokens."""
