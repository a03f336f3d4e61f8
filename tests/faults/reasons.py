"""Places that no session reaches, and why; a beginning stands for all that begin so."""

NOT_REACHED = {}
