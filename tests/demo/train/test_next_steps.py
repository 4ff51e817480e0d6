"""The next steps lead to tabs that are there."""

from page_elements import Elements

from siamese.demo.page import TABS
from siamese.demo.train.next_steps import done


def test_there_are_three_and_each_opens_a_tab():
    steps = [attributes["data-go"] for tag, attributes in Elements(done()).elements if tag == "button"]
    assert len(steps) == 3
    assert set(steps) < {tab.ID for tab in TABS}
