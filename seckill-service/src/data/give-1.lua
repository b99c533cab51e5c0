-- Puts units into one bucket that were taken out of another one (take-1.lua), once, however often and by however many it is called.
--
-- KEYS: 1 state (hash)   its form is written at the top of buy-3.lua; here also in:<bucket>: units ever got from that bucket in this epoch
-- ARGV: epoch, the bucket that they were taken from, the units ever taken there for this one
-- Returns how many came; 0, and nothing changed, when they had come before, or the bucket is of another epoch.
local field = 'in:' .. ARGV[2]
local state = redis.call('HMGET', KEYS[1], 'epoch', field)
if state[1] ~= ARGV[1] then return 0 end
local units = tonumber(ARGV[3]) - tonumber(state[2] or 0)
if units < 1 then return 0 end

redis.call('HSET', KEYS[1], field, ARGV[3])
redis.call('HINCRBY', KEYS[1], 'stock', units)
return units
