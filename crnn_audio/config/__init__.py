"""Recipes: the fields that all have (`schema`), those of each kind, and how a YAML file becomes one (`load`)."""
