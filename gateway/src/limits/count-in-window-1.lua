-- A sliding window as an exact log: the times of what was allowed. What is refused leaves no trace.
--
-- KEYS: 1 log (list: ms, oldest first)
-- ARGV: quota, window in ms
-- Returns: 1 if allowed else 0, how many are left, ms until the next one is allowed
local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = tonumber(redis.call('LINDEX', KEYS[1], 0) or now)
while oldest <= now - window do
  redis.call('LPOP', KEYS[1])
  oldest = tonumber(redis.call('LINDEX', KEYS[1], 0) or now)
end
local count = redis.call('LLEN', KEYS[1])
if count >= quota then
  -- A quota that was lowered has more to wait for than the oldest.
  return { 0, 0, tonumber(redis.call('LINDEX', KEYS[1], count - quota)) + window - now }
end
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], window)
return { 1, quota - count - 1, 0 }
