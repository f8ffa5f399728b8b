#!/bin/sh
# Makes the secrets that are not there yet: make_secrets.sh FOLDER. What is there is kept, so it can be repeated.
# The folder is for root alone; the files in it are readable, because each container has a user of its own.
set -eu
folder=$1
mkdir -p "$folder"
chmod 700 "$folder"
random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }
for name in fernet_key jwt_secret api_secret_key postgres_password airflow_password; do
    if [ ! -s "$folder/$name" ]; then random >"$folder/$name"; fi
done
# The key of the OpenAQ API: from the environment, or put there by whoever runs this; empty means none.
if [ -n "${OPENAQ_API_KEY:-}" ]; then printf %s "$OPENAQ_API_KEY" >"$folder/openaq_api_key"; fi
if [ ! -e "$folder/openaq_api_key" ]; then : >"$folder/openaq_api_key"; fi
chmod 444 "$folder"/*
