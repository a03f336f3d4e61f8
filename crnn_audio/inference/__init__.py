"""Using a trained run: transcripts, scores, pictures."""
