"""How many requests an address may make, and which address a request counts for."""

import pytest

from siamese.guard.rates import PER_MINUTE, REMEMBERED, VARIABLE, Rates, counted_as, per_minute


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_third_of_a_minute_comes_at_once_and_the_rest_as_time_passes():
    clock = Clock()
    rates = Rates(60, clock)
    assert [rates.seconds_to_wait("a") for _ in range(20)] == [0] * 20
    assert rates.seconds_to_wait("a") == pytest.approx(1)
    assert rates.seconds_to_wait("b") == 0, "another address has a count of its own"
    clock.now = 0.5
    assert rates.seconds_to_wait("a") == pytest.approx(0.5), "what is refused is not counted"
    clock.now = 1
    assert rates.seconds_to_wait("a") == 0
    clock.now = 1e6
    passed = sum(rates.seconds_to_wait("a") == 0 for _ in range(1000))
    assert passed == 20, "who was long away has no more than who comes anew"


def test_light_requests_count_less():
    rates = Rates(60, Clock())
    assert sum(rates.seconds_to_wait("a", 0.1) == 0 for _ in range(1000)) in (199, 200)


def test_what_turns_out_to_be_more_is_paid_for_by_the_next():
    clock = Clock()
    rates = Rates(60, clock)
    rates.add("a", 1000)
    assert rates.seconds_to_wait("a") == pytest.approx(21), "but no longer than it takes to fill twice"
    clock.now = 30
    assert rates.seconds_to_wait("a") == 0
    rates.add(None, 1000)


def test_nobody_is_counted_where_the_operator_says_so_or_the_address_is_of_this_machine():
    assert not any(Rates(0, Clock()).seconds_to_wait("a") for _ in range(100_000))
    assert not any(Rates(1, Clock()).seconds_to_wait(None) for _ in range(100))


def test_as_many_addresses_as_there_are_take_no_more_memory():
    rates = Rates(60, Clock())
    for number in range(REMEMBERED + 500):
        rates.seconds_to_wait(str(number))
    assert len(rates._left) == REMEMBERED


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("203.0.113.7", "203.0.113.7"), ("127.0.0.1", None), ("127.0.0.9", None), ("::1", None), ("::ffff:127.0.0.1", None),
        ("::ffff:203.0.113.7", "203.0.113.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), ("", None), ("unknown", "unknown"),
    ],
)  # fmt: skip
def test_an_address_counts_for_one_customer(host, address):
    assert counted_as(host) == address


def test_the_operator_sets_the_rate():
    assert [per_minute({VARIABLE: text}) for text in ("", "0", " 60 ", "1000000")] == [PER_MINUTE, 0, 60, 1_000_000]
    assert per_minute({}) == PER_MINUTE
    for text in ("many", "-1", "1.5", "1000001", "९", "9" * 5000):
        with pytest.raises(ValueError, match=rf"{VARIABLE} is '.*', allowed: a whole number from 0 to 1000000"):
            per_minute({VARIABLE: text})
