#!/bin/sh
# Temporal's two databases, at the schema of the tool's version. Does only what is missing.
# SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD say where; SCHEMAS where the tool's versions lie.
set -eu
schemas=${SCHEMAS:-/etc/temporal/schema}/postgresql/v12

for database in temporal:temporal temporal_visibility:visibility; do
  name=${database%:*}
  temporal-sql-tool --database "$name" create-database
  temporal-sql-tool --database "$name" setup-schema --version 0.0
  temporal-sql-tool --database "$name" update-schema --schema-dir "$schemas/${database#*:}/versioned"
done
