"""The lab the flow tests run in: a gateway, its ports, the stations around it, its peers' keys."""
