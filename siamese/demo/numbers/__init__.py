"""The tab that compares rows and sequences of numbers."""
