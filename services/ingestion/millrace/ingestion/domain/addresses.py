"""Which addresses a crawl may connect to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")


def allowed(address: str, *, private: bool) -> bool:
    """Whether a resolved address may be connected to; with `private` those of private and loopback networks too.

    Link-local addresses, where clouds keep the credentials of their machines, multicast and reserved ones never are.
    """
    try:
        found = _meant(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if found.is_link_local or found.is_multicast or found.is_unspecified or _reserved(found):
        return False
    return found.is_global or (private and (found.is_private or found.is_loopback))


def is_address(host: str) -> bool:
    """Whether a host is named by its address."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _reserved(address: IPv4Address | IPv6Address) -> bool:
    return address.is_reserved and not address.is_loopback


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address where an IPv6 one only wraps it."""
    if isinstance(address, IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if wrapped is None and address in _NAT64:
        wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped or address
