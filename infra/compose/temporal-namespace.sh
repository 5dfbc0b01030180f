#!/bin/sh
# The namespace TEMPORAL_NAMESPACE at TEMPORAL_ADDRESS, with histories kept for RETENTION. A port that is open is not yet a
# server that answers, so it is asked until it does.
set -eu

tries=0
until temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"; do
  tries=$((tries + 1))
  if [ "$tries" -ge 60 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS did not make the namespace $TEMPORAL_NAMESPACE." >&2
    exit 1
  fi
  sleep 1
done
# A new namespace is known everywhere in the server after its caches have been read again.
until temporal workflow list --namespace "$TEMPORAL_NAMESPACE" --limit 1 >/dev/null 2>&1; do sleep 1; done
