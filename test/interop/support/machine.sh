#!/bin/sh
# Started by machine.ts in new mount and PID namespaces, as their first process: $1 is an empty directory of the test. What
# it mounts is seen by nobody else, and gone with this process, as are all processes started in here.
set -e

# Before /proc is mounted anew it is still the outer one, so this is the number that the test knows this process by.
read -r pid rest </proc/self/stat
mount -t proc proc /proc

# /etc, /opt and /var/lib as they are, but what is written to them stays in here.
mkdir "$1/written"
mount -t tmpfs tmpfs "$1/written"
for directory in etc opt var/lib; do
  layer=$1/written/$directory
  mkdir -p "$layer/upper" "$layer/work"
  mount -t overlay overlay -o "lowerdir=/$directory,upperdir=$layer/upper,workdir=$layer/work" "/$directory"
done
rm -rf /etc/cni /opt/cni /var/lib/cni
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns /run/lock

echo "$pid"
# With this signal ignored, the kernel reaps by itself the orphans that fall to this process.
exec env --ignore-signal=CHLD cat
