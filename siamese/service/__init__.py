"""Plain HTTP for programs: two pictures in one request, one verdict in the answer, without a page and without Gradio."""
