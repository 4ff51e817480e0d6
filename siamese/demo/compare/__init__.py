"""The tab that compares two images."""
