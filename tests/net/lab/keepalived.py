"""A keepalived of one's own: one VRRP instance in a namespace, with a script that tracks the far end."""

import os
import re


class Keepalived:
    """VRRP on `interface` for `address`; mastership is given up while a ping from `source` to `target` fails."""

    def __init__(self, namespace, interface, address, priority, source, target, interval_s=1, fall=2, rise=3):
        lab = namespace.lab
        self.namespace, self.address, self.interface = namespace, address, interface
        label = f"{namespace.name}-keepalived"
        script = lab.path(f"{label}-track.sh")
        with open(script, "w") as file:
            file.write(f"#!/bin/sh\nexec /bin/ping -n -q -c 1 -W 1 -I {source} {target} > /dev/null 2>&1\n")
        os.chmod(script, 0o755)
        self.config_path = lab.path(f"{label}.conf")
        with open(self.config_path, "w") as file:
            file.write(f"""global_defs {{
  script_user root
  vrrp_garp_master_delay 1
}}
vrrp_script far_end {{
  script "{script}"
  interval {interval_s}
  timeout 1
  fall {fall}
  rise {rise}
}}
vrrp_instance lan {{
  interface {interface}
  state BACKUP
  virtual_router_id 51
  priority {priority}
  advert_int 1
  virtual_ipaddress {{
    {address}
  }}
  track_script {{
    far_end
  }}
}}
""")
        self.process = namespace.spawn("keepalived", lab.tool("/usr/sbin/keepalived"), "-n", "-l", "-D", "-P",
                                       "-f", self.config_path, "-p", lab.path(f"{label}.pid"),
                                       "-r", lab.path(f"{label}-vrrp.pid"))

    def is_master(self):
        shown = self.namespace.run("ip", "-o", "-4", "address", "show", "dev", self.interface).stdout
        return bool(re.search(rf"\b{re.escape(self.address.split('/')[0])}/", shown))
