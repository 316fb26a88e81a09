"""One action on many tasks: a selection frozen at the start, an outcome for each of its tasks."""
