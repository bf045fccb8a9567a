"""Nothing that a test does or starts may leave this machine.

The tests' own process imports this module by hand, every Python process below it by `sitecustomize`. What is refused
is also written down, so that the test fails even where the code under test, or a kernel, swallows the error.
"""

import os
import sys

__all__ = ["LOG", "is_here"]

LOG = "NETWORK_GUARD_LOG"  # the environment's name for the file of refusals
_INVENTED = (".invalid", ".test", ".example", ".localhost")  # RFC 6761: these names lead nowhere
_HERE = ("127.", "::1", "::ffff:127.", "localhost")
_SENDING = ("socket.connect", "socket.sendto")


def is_here(host: object) -> bool:
    """Whether an address or a name is this machine's."""
    name = _text(host)
    return not name or name.startswith(_HERE) or name == _own_name()


def _text(host: object) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")


def _own_name() -> str:
    import socket

    return socket.gethostname()


def _guard(event: str, arguments: tuple[object, ...]) -> None:
    if event in _SENDING and isinstance(address := arguments[1], tuple) and not is_here(address[0]):
        _write_down(f"{event} {address[0]} {address[1]}")
        raise ConnectionRefusedError(f"a test wanted to leave the machine: {address}")
    if event == "socket.getaddrinfo" and not is_here(arguments[0]):
        _look_up(_text(arguments[0]))


def _look_up(name: str) -> None:
    import socket

    if _is_number(name):
        return  # nothing is asked of the network yet
    if not name.endswith(_INVENTED):
        _write_down(f"look up {name}")
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _is_number(name: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def _write_down(what: str) -> None:
    if path := os.environ.get(LOG):
        with open(path, "a", encoding="utf-8") as log:  # noqa: PTH123 - pathlib is slow to import at every start
            log.write(f"{what}\n")


sys.addaudithook(_guard)
