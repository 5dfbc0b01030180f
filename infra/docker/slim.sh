#!/bin/sh
# Takes out of an installation, in a build stage, what only its making needed.
set -eu

# Set-up has a slow fallback, which a person is told of. An image is not to have it without a word.
if ! grep -q '"backend": "tensorflow"' node_modules/.plumbline/engine.json; then
  echo "Native TensorFlow could not be set up, as said above: there will be no image." >&2
  exit 1
fi

npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error

# Temporal's native part comes for every platform at once.
for release in node_modules/@temporalio/core-bridge/releases/*; do
  case "$release" in
    */"$(uname -m)"-unknown-linux-gnu*) ;;
    *) rm -r "$release" ;;
  esac
done

# For people who debug packages: a third of their size.
find node_modules -name '*.map' -type f -delete

# Nothing else is made here, and no server was fetched.
rm -rf "${PLUMBLINE_CACHE:?}/locks" "$PLUMBLINE_CACHE/stage" node_modules/.plumbline/temporal.json
