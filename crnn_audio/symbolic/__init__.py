"""Music's features: notes, and what they become for a network."""
