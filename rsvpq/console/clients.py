"""From which address a request comes, also through proxies: guesses of passwords are counted by it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

#: The part of an address of IPv6 that its owner cannot choose: the rest is as good as invented.
_GIVEN_BITS = 64


def client_address(peer: str, forwarded: str, proxies: Sequence[str]) -> str:
    """Return the address of the client, as the last proxy that is trusted has seen it.

    Whoever sends a request may begin its ``X-Forwarded-For`` as they like. Only what a trusted proxy has appended is
    believed, so the header is read from its end.

    :param peer: the other end of the connection. :param forwarded: the header, '' without one.
    :param proxies: networks of the proxies that are trusted.
    """
    address = _address(peer)
    for hop in reversed(forwarded.split(",")):
        before = _address(hop.strip())
        if address is None or before is None or not any(address in ip_network(network) for network in proxies):
            break
        address = before
    return peer if address is None else str(address)


def countable(address: str) -> str:
    """Return what stands for an address where something is counted: of IPv6 its network, the same for one owner."""
    found = _address(address)
    return str(IPv6Network((found, _GIVEN_BITS), strict=False)) if isinstance(found, IPv6Address) else address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address, one of IPv4 that is written as one of IPv6 as such; None if it is not one."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
