#!/bin/sh
# The saved search by trace id, and the data view that it looks in. What is there is written over.
set -eu
curl -sS --fail-with-body -u "elastic:$ELASTIC_PASSWORD" -H 'kbn-xsrf: onrush' -F file=@/etc/onrush/logs/saved-search.ndjson \
  'http://kibana:5601/api/saved_objects/_import?overwrite=true' | grep '"success":true'
