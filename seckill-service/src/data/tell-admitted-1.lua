-- Lets everybody up to a place buy, once it is written down that they may.
--
-- KEYS: 1 room (hash); its form is written at the top of enter-3.lua
-- ARGV: the place
-- Returns 1, or 0 when they may already, or there is no room.
local admitted = redis.call('HGET', KEYS[1], 'admitted')
if not admitted or tonumber(admitted) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'admitted', ARGV[1])
return 1
