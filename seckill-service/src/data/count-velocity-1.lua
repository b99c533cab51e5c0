-- Counts one more in a window that begins with the first.
--
-- KEYS: 1 counter (string, expires with its window)
-- ARGV: quota, window (ms)
-- Returns 0, or the milliseconds until the window ends where the quota was used up before; then nothing is counted.
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then return math.max(redis.call('PTTL', KEYS[1]), 1) end
if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
