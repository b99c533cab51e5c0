-- A gateway says that it is there, and hears how many are.
--
-- KEYS: 1 gateways (sorted set: id, last beat in ms)
-- ARGV: id, ms after which a gateway counts as gone
-- Returns: now in ms, gateways, the longest ago of their last beats in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', now - tonumber(ARGV[2])))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { now, redis.call('ZCARD', KEYS[1]), tonumber(oldest[2]) }
