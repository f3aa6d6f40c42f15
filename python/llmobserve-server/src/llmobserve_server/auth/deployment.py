"""Where this server is reached, and what follows from that for trust."""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from llmobserve_server.settings import ServerSettings

__all__ = ["Deployment", "deployment_of", "is_loopback"]

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def deployment_of(settings: ServerSettings) -> "Deployment":
    """The settings' part about addresses."""
    return Deployment(
        host=settings.host,
        port=settings.port,
        public_url=settings.public_url,
        allowed_hosts=settings.allowed_hosts,
    )


def is_loopback(host: str) -> bool:
    """True for `localhost` and for addresses of the loopback network, IPv4-mapped ones included."""
    if host.lower() == "localhost":
        return True
    address = _address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address is not None and address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Address of the server as its own machine and as browsers see it."""

    host: str = "127.0.0.1"
    """Address it is bound to."""
    port: int = 8000
    public_url: str | None = None
    """Address that users see where a proxy stands in front; its path is the prefix of all routes."""
    allowed_hosts: tuple[str, ...] = ()
    """More names under which browsers may reach it, without port."""

    @property
    def local_mode(self) -> bool:
        """True where only this machine can reach the server: no account, and no key needed to send events."""
        public = urlsplit(self.public_url).hostname if self.public_url else None
        return is_loopback(self.host) and (public is None or is_loopback(public))

    @property
    def prefix(self) -> str:
        """Path before all routes, without a slash at the end; empty at the root."""
        return urlsplit(self.public_url).path.rstrip("/") if self.public_url else ""

    @property
    def base_url(self) -> str:
        """Address to open in a browser and to give to `observe(collector_url=…)`, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def cookie_name(self) -> str:
        """Own name per port, because browsers share cookies between the ports of a host."""
        return f"llmobserve_{self.port}"

    @property
    def cookie_secure(self) -> bool:
        """True where browsers come by HTTPS."""
        return bool(self.public_url) and urlsplit(self.public_url or "").scheme == "https"

    def serves_host(self, header: str) -> bool:
        """Whether a `Host` header names this server: the answer to DNS rebinding.

        An address in figures cannot be rebound, so a server that other machines reach answers to any of them.
        """
        try:
            host = urlsplit(f"//{header}").hostname
        except ValueError:
            return False
        if not host:
            return False
        if host in _LOOPBACK_NAMES or host in self._names():
            return True
        return not self.local_mode and _address(host) is not None

    def _names(self) -> set[str]:
        names = {name.lower() for name in self.allowed_hosts}
        names.add(self.host.lower())
        if self.public_url:
            names.add((urlsplit(self.public_url).hostname or "").lower())
        if not self.local_mode:
            names.add(socket.gethostname().lower())
        return names
