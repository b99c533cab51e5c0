#!/bin/sh
# Run as often as one likes: it says what ought to be.
set -eu
folder=/etc/onrush/logs
put() {
  curl -sS --fail-with-body -u "elastic:$ELASTIC_PASSWORD" -H 'Content-Type: application/json' -X "$1" "http://elasticsearch:9200/$2" -d "$3"
}
put PUT _ilm/policy/onrush-logs "@$folder/retention.json"
put PUT _index_template/onrush-logs "@$folder/index-template.json"
put POST _security/user/kibana_system/_password "{\"password\":\"$KIBANA_PASSWORD\"}"
