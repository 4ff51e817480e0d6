"""Any picture -> the canonical image that the encoder sees."""
