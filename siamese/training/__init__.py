"""From settings to a model folder."""
