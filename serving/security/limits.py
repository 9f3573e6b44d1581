"""How often somebody may ask: a token bucket for each key, and for each address that shows none."""

from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

BURST_SECONDS = 10
"""Requests of so many seconds may come at once, after a pause."""
_MOST_BUCKETS = 20_000


@dataclass
class Buckets:
    """One bucket for each name. It holds the requests of BURST_SECONDS and fills up at ``per_minute``."""

    per_minute: int
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    """What is in a bucket, and when that was counted, seconds."""

    def wait_seconds(self, name: str, now: float) -> float:
        """Take one request out of a bucket; above 0 when it was empty: how long until there is one, seconds."""
        rate = self.per_minute / 60
        most = max(1.0, rate * BURST_SECONDS)
        held, counted = self._buckets.get(name, (most, now))
        held = min(most, held + (now - counted) * rate)
        if held < 1:
            return (1 - held) / rate
        if len(self._buckets) >= _MOST_BUCKETS and name not in self._buckets:
            self._forget_full(now, rate, most)
        self._buckets[name] = (held - 1, now)
        return 0.0

    def _forget_full(self, now: float, rate: float, most: float) -> None:
        """Make room: buckets that are full again need not be remembered; when all are in use, the oldest half goes."""
        kept = {name: (held, at) for name, (held, at) in self._buckets.items() if held + (now - at) * rate < most}
        if len(kept) >= _MOST_BUCKETS:
            kept = dict(sorted(kept.items(), key=lambda item: -item[1][1])[: _MOST_BUCKETS // 2])
        self._buckets = kept


def address_name(host: str) -> str:
    """The name of an address's bucket; of IPv6 the network of 64 bits, since one client may use all of it.

    >>> address_name("2001:db8:1:2:3::4")
    '2001:db8:1:2::/64'
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else host
