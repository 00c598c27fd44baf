#!/bin/bash
# Runs once, when the data volume is empty: a role and databases for the gateway, others for Temporal, so that neither
# can read what belongs to the other.
set -euo pipefail

psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
    --set gateway_password="$GATEWAY_DATABASE_PASSWORD" \
    --set temporal_password="$TEMPORAL_DATABASE_PASSWORD" <<'SQL'
create role dy_gateway login password :'gateway_password';
create role temporal login password :'temporal_password';
create database dy_gateway owner dy_gateway;
create database temporal owner temporal;
create database temporal_visibility owner temporal;
revoke connect on database dy_gateway, temporal, temporal_visibility from public;
SQL
