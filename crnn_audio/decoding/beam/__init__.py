"""Prefix beam search with CTC, and what it is guided by: n-grams of tokens or words, a lexicon, hot words."""
