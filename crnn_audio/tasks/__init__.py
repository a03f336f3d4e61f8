"""What to minimise and how to evaluate it: one class a task, no base class."""
