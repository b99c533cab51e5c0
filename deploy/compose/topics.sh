#!/bin/bash
# The topics of proto/src/events.ts (a test compares), as chassis/src/kafka-broker.ts would make them. What is there stays as it is.
set -euo pipefail
for topic in user.registered product.changed seckill.reserved seckill.rejected seckill.released order.created order.paid order.cancelled \
  payment.succeeded payment.failed payment.refunded notification.sent; do
  /opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --create --if-not-exists --topic "$topic" --partitions 6 --replication-factor 1
done
