"""The Hugging Face Hub: push, fetch, jobs, Spaces."""
