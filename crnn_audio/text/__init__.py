"""Text and its tokens: how transcripts are normalised, and which token has which id."""
