#!/bin/bash
# The command line tools of rabbitmq-c put to work; ends with the lines that the interop run reads.
set -u
url=$AMQP_URL
queue=tools-$$
checks=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "not so: $1" >&2; exit 1; }
check() { if [ "$2" = "$3" ]; then checks=$((checks + 1)); else fail "$1: '$2' is not '$3'"; fi; }

check 'declare' "$(amqp-declare-queue -u "$url" -q "$queue" -d)" "$queue"
amqp-publish -u "$url" -r "$queue" -p -C text/plain -b 'first' || fail 'publish'
check 'get' "$(amqp-get -u "$url" -q "$queue")" 'first'
amqp-get -u "$url" -q "$queue" > "$work/none"; check 'get of nothing' "$?" 2

head -c 3000000 /dev/urandom > "$work/large"
amqp-publish -u "$url" -r "$queue" < "$work/large" || fail 'publish of 3 MB'
amqp-get -u "$url" -q "$queue" > "$work/back" || fail 'get of 3 MB'
cmp -s "$work/large" "$work/back" || fail '3 MB came back'
checks=$((checks + 1))

seq 1 50 | amqp-publish -u "$url" -r "$queue" -l || fail 'publish of 50 lines'
timeout 20 amqp-consume -u "$url" -q "$queue" -c 50 -p 5 cat > "$work/lines" || fail 'consume'
check '50 lines consumed with acks' "$(tr -d '\n' < "$work/lines")" "$(seq 1 50 | tr -d '\n')"

# A failing command makes amqp-consume reject: the message is requeued.
amqp-publish -u "$url" -r "$queue" -b 'rejected'
timeout 20 amqp-consume -u "$url" -q "$queue" -c 1 false
check 'rejected and requeued' "$(amqp-get -u "$url" -q "$queue")" 'rejected'

# An own queue of amqp-consume, bound to an exchange; the publisher tries until it is there.
timeout 20 amqp-consume -u "$url" -e amq.topic -r 'tools.#' -c 1 cat > "$work/bound" 2> /dev/null &
consumer=$!
for _ in $(seq 100); do
  amqp-publish -u "$url" -e amq.topic -r tools.any -b 'bound'
  kill -0 "$consumer" 2> /dev/null || break
  sleep 0.1
done
wait "$consumer" || fail 'amqp-consume on an exchange'
check 'a bound consumer' "$(cat "$work/bound")" 'bound'

# Prints how many messages went with the queue.
amqp-publish -u "$url" -r "$queue" -b 'left'
check 'delete' "$(amqp-delete-queue -u "$url" -q "$queue")" 1
amqp-get -u "$url" -q "$queue" 2> "$work/error"; check 'get from a missing queue' "$?" 1
grep -q "NOT_FOUND - no queue '$queue' in vhost '/'" "$work/error" || fail "$(cat "$work/error")"
checks=$((checks + 1))

echo "with: amqp-tools $(dpkg-query -W -f '${Version}' amqp-tools 2> /dev/null || echo of unknown version)"
echo "checks: $checks"
