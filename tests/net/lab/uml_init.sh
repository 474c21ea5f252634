#!/bin/bash
# PID 1 of a user-mode Linux host of the lab. Takes commands, one a line with a token before it, from the
# console and answers "BEGIN token", the output, "END token status". Arguments arrive on the kernel's
# command line: lab=DIRECTORY (shared with the host, writable; everything else is read-only).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/net /dev/shm
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
LAB=$(sed -n 's/.*lab=\([^ ]*\).*/\1/p' /proc/cmdline)
mount -t hostfs none "$LAB" -o "$LAB"
printf '#!/bin/sh\nexec /sbin/modprobe -q -d %s/modules "$@"\n' "$LAB" > /run/modprobe
chmod +x /run/modprobe
echo /run/modprobe > /proc/sys/kernel/modprobe
/run/modprobe ipv6
stty -echo
ip link set lo up
echo "UML READY $(uname -r)"
while IFS=' ' read -r token line; do
  [ -n "$token" ] || continue
  echo "BEGIN $token"
  bash -c "$line" < /dev/null 2>&1
  echo "END $token $?"
done
echo o > /proc/sysrq-trigger   # console closed: power off
sleep 60
