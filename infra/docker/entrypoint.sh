#!/bin/sh
# Secrets that are files become the variables Airflow and the driver read; a variable that is set stays.
set -eu
secrets=${OPENAQ_SECRETS_MOUNT:-/run/secrets}

from_file() { # NAME FILE
    eval "given=\${$1:-}"
    if [ -z "$given" ] && [ -s "$secrets/$2" ]; then
        export "$1=$(cat "$secrets/$2")"
    fi
}
from_file AIRFLOW__CORE__FERNET_KEY fernet_key
from_file AIRFLOW__API_AUTH__JWT_SECRET jwt_secret
from_file AIRFLOW__API__SECRET_KEY api_secret_key
from_file PGPASSWORD postgres_password
from_file OPENAQ_API_KEY openaq_api_key

# The login of the UI: Airflow opens this file for writing, so it cannot be the secret itself.
if [ -s "$secrets/airflow_password" ]; then
    (umask 077 && printf '{"admin": "%s"}\n' "$(cat "$secrets/airflow_password")" \
        >"$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
fi
exec "$@"
