"""Grammars: sentences with optional parts, alternatives and slots, read from the formats of other programs."""
