"""From a recipe to a run directory: the loop and what it needs."""
