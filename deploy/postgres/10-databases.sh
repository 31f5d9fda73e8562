#!/bin/sh
# A database and its owner for each who needs one, when the server starts for the first time. Passwords are secrets,
# which no list of processes shows: psql reads the files itself.
set -eu
for name in finq airflow; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres --set name="$name" \
        --set file="${SECRETS:-/run/secrets}/${name}_password" <<'SQL'
\set password `cat :file`
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
# And who sees how the server is, of whatever it holds nothing.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set file="${SECRETS:-/run/secrets}/watch_password" <<'SQL'
\set password `cat :file`
CREATE ROLE watch LOGIN PASSWORD :'password' IN ROLE pg_monitor;
GRANT CONNECT ON DATABASE finq TO watch;
SQL
