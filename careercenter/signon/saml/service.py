"""Who we are towards SAML providers: our entity ID, our addresses, our keys and words."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from careercenter.settings.signon import Service

ACS_PATH = "/saml/acs"
SLO_PATH = "/saml/slo"
METADATA_PATH = "/saml/metadata"
DISCOVERY_PATH = "/saml/discovery"


@dataclass(frozen=True)
class ServiceProvider:
    """Our entity ID, public address, keys and words. `asked` are the attributes that the providers of this campus use, by
    their friendly names or URNs; empty stands for those that every campus uses."""

    entity_id: str
    public_url: str
    service: "Service"
    asked: tuple[str, ...] = ()

    @property
    def acs(self) -> str:
        return self.address(ACS_PATH)

    @property
    def slo(self) -> str:
        return self.address(SLO_PATH)

    def address(self, path: str) -> str:
        """The public address of a path."""
        return self.public_url.rstrip("/") + path
