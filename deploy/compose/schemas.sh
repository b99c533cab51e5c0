#!/bin/bash
# For each service a schema and an account that may do anything in it, and nothing elsewhere. Run twice it changes nothing but passwords.
set -euo pipefail
export MYSQL_PWD="$MYSQL_ROOT_PASSWORD"
for service in user auth product seckill order payment notify; do
  variable="${service^^}_MYSQL_PASSWORD"
  password="${!variable}"
  if [[ ! $password =~ ^[A-Za-z0-9_-]{16,}$ ]]; then
    echo "deploy/.env: $variable: expected at least 16 characters of A-Z, a-z, 0-9, - and _" >&2
    exit 1
  fi
  cat <<SQL
CREATE DATABASE IF NOT EXISTS onrush_$service CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'onrush_$service'@'%' IDENTIFIED BY '$password';
ALTER USER 'onrush_$service'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON onrush_$service.* TO 'onrush_$service'@'%';
SQL
done > /tmp/schemas.sql
mysql --host=mysql --user=root < /tmp/schemas.sql
