-- Keeps jobs for later; one that is there already stays as it is.
--
-- KEYS: 1 due (sorted set of job ids by ms), 2 jobs (hash: id → JSON, id:attempts → count)
-- ARGV: of each job its id, when it is due (ms), JSON
-- Returns how many were new.
local added = 0
for index = 1, #ARGV, 3 do
  -- The payload goes first: a claimed id always has one.
  redis.call('HSETNX', KEYS[2], ARGV[index], ARGV[index + 2])
  added = added + redis.call('ZADD', KEYS[1], 'NX', ARGV[index + 1], ARGV[index])
end
return added
