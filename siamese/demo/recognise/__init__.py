"""The tab that recognises classes from examples."""
