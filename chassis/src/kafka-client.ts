import { Kafka, logLevel } from 'kafkajs';
import RequestQueue from 'kafkajs/src/network/requestQueue';
import { mendFetch } from './kafka-fetched';
import { mendProduce } from './kafka-records';

// kafkajs 2.2.4 looks for waiting requests every millisecond on every connection, forever, from its first answer on, with or without any
// (https://github.com/tulios/kafkajs/issues/1704): an idle fleet of ours spent an eighth of two processors on it. With nothing to wait for there is
// nothing to schedule; a request that has to wait schedules the look itself.
const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0) schedule.call(this);
};

mendProduce();
mendFetch();

/** kafkajs, mended. Nothing imports `Kafka` from anywhere else. */
export { Kafka, logLevel };
