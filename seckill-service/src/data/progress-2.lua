-- How far the relay has come, and in which epoch. Reads only.
--
-- KEYS: 1 state (hash), 2 stream; their forms are written at the top of buy-3.lua
-- Returns epoch and the id of the first entry; empty texts for what is not there.
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
return { redis.call('HGET', KEYS[1], 'epoch') or '', first[1] and first[1][1] or '' }
