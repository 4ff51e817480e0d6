"""A stand-in for the Hugging Face Hub on loopback, for the real client over real HTTP."""
