"""What topologies with several recorded lines share: lines that die in silence, and how a run is judged."""

from .strongswan import PSK


class Standing:
    """A subclass has .gateway (Kanmon) and .sniffers."""

    @staticmethod
    def cut_line(router, interface="wan"):
        """The line is dead in both directions and nobody is told: packets vanish at the router."""
        router.run("nft", f"add table netdev cut; add chain netdev cut in {{ type filter hook ingress device {interface} "
                   "priority 0; policy drop; }; add table inet cut; add chain inet cut out "
                   "{ type filter hook output priority 0; policy accept; }; "
                   f"add rule inet cut out oifname {interface} drop")

    @staticmethod
    def mend_line(router):
        router.run("nft", "delete table netdev cut; delete table inet cut")

    def verify(self):
        self.gateway.require_conservation()
        self.gateway.stop()
        for sniffer in self.sniffers:
            sniffer.require_no_clear_text()
        assert PSK not in self.gateway.log()
