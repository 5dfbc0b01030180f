# shellcheck shell=sh
# For the shell that calls `plumb` on the host of these services: `. ./client.sh`, in this folder.
# shellcheck source=env.example
. ./.env
export TEMPORAL_ADDRESS="127.0.0.1:${TEMPORAL_PORT:-7233}"
export TEMPORAL_NAMESPACE="${TEMPORAL_NAMESPACE:-plumbline}"
export TEMPORAL_UI_ADDRESS="http://127.0.0.1:${UI_PORT:-8233}"
export PLUMBLINE_STORE="s3://${STORE_BUCKET:-plumbline}"
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:${STORE_PORT:-7070}"
export AWS_ACCESS_KEY_ID="$STORE_ACCESS_KEY"
export AWS_SECRET_ACCESS_KEY="$STORE_SECRET_KEY"
