"""Text and its tokens: how transcripts are spelled, and which token has which id."""
