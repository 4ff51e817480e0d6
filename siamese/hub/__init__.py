"""The Hugging Face Hub: push, fetch, hosted jobs, Spaces."""
