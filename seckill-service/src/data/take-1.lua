-- Takes free units out of one bucket, on their way to another one. They are on their way until give-1.lua has put them there: what was ever taken for
-- a bucket is counted here, what it has ever got is counted there, and whoever finds the two different may carry them on.
--
-- KEYS: 1 state (hash)   its form is written at the top of buy-3.lua; here also out:<bucket>: units ever taken for that bucket in this epoch
-- ARGV: epoch, the bucket that they are for, how many at most
-- Returns the units ever taken for that bucket, these included; 0, and nothing changed, when none is free or the bucket is of another epoch.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'stock')
if state[1] ~= ARGV[1] then return 0 end
local units = math.min(tonumber(state[2]), tonumber(ARGV[3]))
if units < 1 then return 0 end

redis.call('HINCRBY', KEYS[1], 'stock', -units)
return redis.call('HINCRBY', KEYS[1], 'out:' .. ARGV[2], units)
