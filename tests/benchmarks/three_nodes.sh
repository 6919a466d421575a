#!/usr/bin/env bash
# Three pub/sub servers as one, as plain processes: Redis, the servers, HAProxy in front, and a probe of all of it.
# It needs tw, redis-server and haproxy in PATH, and ports 1024 to 1027 and 6379 (all moved up by $1). Exits as the probe.
set -euo pipefail
base=$((${1:-0})) redis=$((6379 + ${1:-0}))
cd "$(mktemp -d)"
cat > door.cfg <<END
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen door
  bind 127.0.0.1:$((1024 + base))
  balance leastconn
  server a 127.0.0.1:$((1025 + base)) check
  server b 127.0.0.1:$((1026 + base)) check
  server c 127.0.0.1:$((1027 + base)) check
END

pids=()
trap 'kill "${pids[@]}" 2> /dev/null; wait' EXIT
redis-server --port $redis --bind 127.0.0.1 --appendonly yes > redis.log &
pids+=($!)
for node in 1025 1026 1027; do
  tw serve pubsub --port $((node + base)) --via "redis://127.0.0.1:$redis/0?stream=lines" --via-maxlen 10000 \
    --ready-file ready.$node &
  pids+=($!)
done
# A server that is not there at first is down for HAProxy until it has been looked at twice: 4 s.
until [ -e ready.1025 ] && [ -e ready.1026 ] && [ -e ready.1027 ]; do
  for pid in "${pids[@]}"; do kill -0 "$pid" 2> /dev/null; done # one that could not start has said why
  sleep 0.1
done
haproxy -db -f door.cfg &
pids+=($!)
tw probe pubsub --wait-for 10s --publishers 6 --subscribers 30 --rate 200 --duration 3s :$((1024 + base))
