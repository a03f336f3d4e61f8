"""What may be said, as weighted graphs over tokens: compiled from words, n-grams and grammars, searched with CTC."""
