#!/bin/sh
# Makes the bucket, and a user for each role of docker-compose.yml with the rights that it needs. May run again: what is
# there stays, and passwords become those that are given.
set -eu
cd "$(dirname "$0")"
mc() { command mc --quiet "$@"; }

mc alias set store "$OBJECT_STORE_URL" "$OBJECT_STORE_USER" "$OBJECT_STORE_PASSWORD" >/dev/null
mc mb --ignore-existing store/assay

user() {
  mc admin policy create store "assay-$1" "policies/$2.json"
  mc admin user add store "assay-$1" "$3"
  # Attaching what is attached is an error.
  mc admin user info store "assay-$1" | grep -q "PolicyName:.*assay-$1" \
    || mc admin policy attach store "assay-$1" --user "assay-$1"
}

user feed read "$OBJECT_STORE_FEED_PASSWORD"
user bronze bronze "$OBJECT_STORE_BRONZE_PASSWORD"
user silver silver "$OBJECT_STORE_SILVER_PASSWORD"
user gold gold "$OBJECT_STORE_GOLD_PASSWORD"
user candles candles "$OBJECT_STORE_CANDLES_PASSWORD"
user operator operator "$OBJECT_STORE_OPERATOR_PASSWORD"
user reader read "$OBJECT_STORE_READER_PASSWORD"
