"""What to minimise and how to judge it: one class a task, no base class."""
