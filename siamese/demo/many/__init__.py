"""The tab that compares many images."""
