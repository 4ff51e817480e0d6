"""The tab that explains."""
