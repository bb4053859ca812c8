#!/bin/sh
# A database and a user for each server that keeps its state in PostgreSQL. Runs once, when there is no data yet.
set -eu
make_database() {
    psql --set ON_ERROR_STOP=1 --username postgres --set name="$1" --set password="$2" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
SQL
}
make_database mlflow "$MLFLOW_DATABASE_PASSWORD"
make_database prefect "$PREFECT_DATABASE_PASSWORD"
