"""What visitors taught is shown: a card a class, a row a class, and names are text."""

import numpy as np

from siamese.demo.recognise import taught, view


def test_the_page_shows_names_as_text_and_one_row_for_each_class(examples, models, digits):
    hostile = "<script>alert(1)</script>'\""
    zero = digits[0][np.flatnonzero(digits[1] == 0)[0]]
    known = taught.teach(examples, hostile, zero, models, "model")
    for name, verifier in models.items():
        found = taught.recognise(known, verifier.embed_canonical(zero[None])[0], verifier)
        assert found.name == hostile
        shown = (
            view.taught(known, name),
            view.answer(known, 0.5, found, zero),
            view.answer(known, 0.5, text=hostile, problem=True),
        )
        assert all("<script" not in html and "alert(1)" in html for html in shown)
        assert all(html.count("<tr>") == 1 + 3 for html in shown[1:])
        assert shown[0].count("<img") == 5
