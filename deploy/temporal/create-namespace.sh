#!/bin/sh
# Makes the gateway's namespace if it does not exist. Search attributes are the gateway's own affair: `migrate`.
# TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and NAMESPACE_RETENTION come from the environment.
set -eu

# Runs a command until it succeeds, for a minute at most.
retry() {
    attempt=1
    until "$@"; do
        [ "$attempt" -lt 30 ] || return 1
        attempt=$((attempt + 1))
        sleep 2
    done
}

retry temporal operator cluster health
if temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    echo "namespace $TEMPORAL_NAMESPACE exists"
else
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$NAMESPACE_RETENTION"
fi
# A new namespace reaches every part of the server a little later; whoever comes next relies on it.
retry temporal workflow count --namespace "$TEMPORAL_NAMESPACE"
