"""Text: language models of networks and n-grams, and files of what they generate."""
