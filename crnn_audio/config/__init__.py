"""What an experiment is: the fields of a recipe (`schema`) and how a YAML file becomes one (`load`)."""
