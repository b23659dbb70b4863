#!/bin/sh
# A plugin that does nothing but say that it has: what a call through a container runtime costs besides its plugin.

[ "$CNI_COMMAND" != ADD ] || cat <<END
{
  "cniVersion": "1.0.0",
  "interfaces": [{ "name": "$CNI_IFNAME", "sandbox": "$CNI_NETNS" }],
  "ips": [{ "interface": 0, "address": "10.22.0.2/16", "gateway": "10.22.0.1" }]
}
END
