-- How far the relay has come, and in which epoch. Reads only.
--
-- KEYS: 1 state (hash), 2 stream; their forms are written at the top of buy-3.lua
-- ARGV: consumer group
-- Returns epoch, the id of the first entry, the id of the last entry that the group has read; empty texts for what is not there.
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
local last_read = ''
if redis.call('EXISTS', KEYS[2]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
    local facts = {}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    if facts['name'] == ARGV[1] then last_read = facts['last-delivered-id'] end
  end
end
return { redis.call('HGET', KEYS[1], 'epoch') or '', first[1] and first[1][1] or '', last_read }
