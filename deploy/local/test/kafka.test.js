'use strict';
const { newClusterId } = require('../servers/kafka');

test('no id of a Kafka cluster begins like an option, whatever the random bytes are', () => {
  const ids = Array.from({ length: 256 }, (_, first) =>
    newClusterId((length) => Buffer.alloc(length, first)),
  );

  expect(ids.filter((id) => !/^[A-Za-z0-9][\w-]{21}$/.test(id))).toEqual([]);
});
