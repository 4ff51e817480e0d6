"""What a body of JSON is made of, seen before it is parsed: to parse a megabyte of brackets holds up everybody."""

import re

MOST_PARTS = 25_000  # brackets, commas and strings; 32 files, the most of one request, have some 600
DEEPEST = 32  # of lists and dictionaries in each other; what the page sends has 4

# A string to its end, or to that of the body: each byte is read once, whatever is sent.
PART = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


def check_shape(body: bytes) -> int:
    """How many parts it has. Raises ValueError, in a sentence, for too many parts or too many lists in each other.

    Whether it is JSON at all is for the parser to say.
    """
    depth = count = 0
    for count, part in enumerate(PART.finditer(body), 1):
        first = body[part.start()]
        depth += (first in b"[{") - (first in b"]}")
        if count > MOST_PARTS:
            raise ValueError(f"the request has more than {MOST_PARTS:,} parts, which is what is allowed")
        if depth > DEEPEST:
            raise ValueError(f"the request has more than {DEEPEST} lists in each other, which is what is allowed")
    return count
