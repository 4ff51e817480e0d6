"""Pages are open as long as one of their connections is, and whoever waits for their end is told once."""

from siamese.visitors.open_pages import OpenPages, network_of


def test_a_page_is_open_until_its_last_connection_ends():
    pages, left = OpenPages(), []
    pages.when_left(left.append)
    pages.came("a", "192.0.2.1")
    pages.came("a", "192.0.2.1")
    pages.came("b", "192.0.2.2")
    assert pages.is_open("a")
    assert (pages.address_of("a"), pages.address_of("b"), pages.address_of("c")) == ("192.0.2.1", "192.0.2.2", None)
    pages.left("a")
    assert pages.is_open("a")
    assert left == []
    pages.left("a")
    assert not pages.is_open("a")
    assert left == ["a"]
    assert pages.is_open("b")
    pages.left("never seen")
    assert not pages.is_open("never seen")


def test_an_address_is_what_one_customer_has():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == network_of("fe80::2%eth1")
    assert network_of("testclient") == "testclient"
