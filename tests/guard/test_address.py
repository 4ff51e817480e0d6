"""Whether a server can listen, told before anything that takes long."""

import socket

import pytest

from siamese.guard.address import check_port, is_free


def test_a_port_in_use_is_told_and_a_free_one_passes():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        with pytest.raises(ValueError, match=f"port {port} is in use: choose another --port"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "said"), [("127.0.0.1", 0, "--port is 0"), ("nowhere.invalid", 9, "is no address")]
)
def test_what_cannot_be_is_refused(host, port, said):
    with pytest.raises(ValueError, match=said):
        check_port(host, port)
