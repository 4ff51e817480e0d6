"""Training for the visitors of the page."""
