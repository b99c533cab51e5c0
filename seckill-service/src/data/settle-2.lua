-- Takes entries that were recorded out of the stream, and their purchases off the backlog, in one atomic step.
--
-- KEYS: 1 stream, 2 state (hash); their forms are written at the top of buy-3.lua
-- ARGV: consumer group, then two an entry: its id, how many purchases it holds
-- Returns how many entries left the stream. One that had left before, because another instance took it over, counts no second time.
local entries, purchases = 0, 0
for i = 2, #ARGV, 2 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
    entries = entries + 1
    purchases = purchases + tonumber(ARGV[i + 1])
  end
end

-- A sale that was lost meanwhile must not come into being here, and one that was rebuilt did not count what the ledger had already.
local settled = math.min(purchases, tonumber(redis.call('HGET', KEYS[2], 'backlog') or 0))
if settled > 0 then redis.call('HINCRBY', KEYS[2], 'backlog', -settled) end
return entries
