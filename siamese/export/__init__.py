"""A trained model as one file for other runtimes, and such a file as a model."""
