#!/bin/sh
# Removes the namespaces, directories and control groups (trt-<pid>-…) of test processes that are gone, however they ended: first those of
# earlier runs, then, as soon as process $1 is gone, its own. It lives in a session of its own, so Ctrl-C does not reach it.

PATH=/usr/sbin:/usr/bin:/sbin:/bin

sweep() {
  for path in /run/netns/trt-* "${TMPDIR:-/tmp}"/trt-* /sys/fs/cgroup/trt-* /sys/fs/cgroup/*/trt-*; do
    name=${path##*/}
    pid=${name#trt-}
    pid=${pid%%-*}
    case $pid in '' | *[!0-9]*) continue ;; esac
    if [ ! -e "$path" ] || [ -e "/proc/$pid" ]; then continue; fi
    case $path in
      /run/netns/*) remove_netns "$name" ;;
      /sys/fs/cgroup/*) find "$path" -depth -type d -exec rmdir {} + 2>/dev/null ;;
      *) rm -rf "$path" ;;
    esac
  done
}

remove_netns() {
  for pid in $(ip netns pids "$1" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
  ip netns delete "$1" 2>/dev/null || rm -f "/run/netns/$1"
}

[ -e /proc/self ] || exit 0 # without /proc it cannot tell who is alive
sweep
while [ -e "/proc/$1" ]; do sleep 0.5; done
sweep
