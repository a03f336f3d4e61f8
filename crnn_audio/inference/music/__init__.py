"""Generated music: composer, prompts, files."""
