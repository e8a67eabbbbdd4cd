#!/bin/sh
# Checks the image; see check.mjs.
exec node "$(dirname "$0")/check.mjs" "$@"
