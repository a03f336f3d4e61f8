"""Transcripts as files: names, formats, and what an earlier call has done."""
