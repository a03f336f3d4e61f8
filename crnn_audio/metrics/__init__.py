"""How good a result is: counts that add up over a split, and rates made from their sums."""
