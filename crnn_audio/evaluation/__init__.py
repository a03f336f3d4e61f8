"""Scores of trained runs, their tables and cards, and what ships: generic over problems."""
