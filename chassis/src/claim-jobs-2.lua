-- Takes the jobs that are due, and hides them until they are done or given up.
--
-- KEYS: 1 due (sorted set of job ids by ms), 2 jobs (hash: id → JSON, id:attempts → count)
-- ARGV: now (ms), how long a claim lasts (ms), the most jobs to take
-- Returns a flat list: id, JSON, attempt, id, JSON, attempt …
local claimed = {}
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  local job = redis.call('HGET', KEYS[2], id)
  if job then
    redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], id)
    claimed[#claimed + 1] = id
    claimed[#claimed + 1] = job
    claimed[#claimed + 1] = tostring(redis.call('HINCRBY', KEYS[2], id .. ':attempts', 1))
  else
    redis.call('ZREM', KEYS[1], id)
  end
end
return claimed
