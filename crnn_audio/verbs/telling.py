"""What a verb says to the person, beside its results."""

import sys

UNSEEN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""Control characters, as Python writes them."""


def say(line: str) -> None:
    """To the person, not into the results; names in it may hold what would change the terminal."""
    print(line.translate(UNSEEN), file=sys.stderr)
