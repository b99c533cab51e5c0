-- What tells whether Redis still has the live sale. Reads only, and does the same little work however large the sale is.
--
-- KEYS: 1 state (hash), 2 buyers (hash), 3 stream; their forms are written at the top of buy-3.lua
-- ARGV: consumer group
-- Returns epoch, stock, how many buyers are remembered, the id of the last entry that the group has read; empty texts for what is not there.
local state = redis.call('HMGET', KEYS[1], 'epoch', 'stock')
local last_read = ''
if redis.call('EXISTS', KEYS[3]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[3])) do
    local facts = {}
    for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
    if facts['name'] == ARGV[1] then last_read = facts['last-delivered-id'] end
  end
end
return { state[1] or '', state[2] or '', redis.call('HLEN', KEYS[2]), last_read }
