-- One page of the users who bought something, without what they bought.
--
-- KEYS: 1 buyers (hash); its form is written at the top of buy-3.lua
-- ARGV: cursor (0 at first), about how many
-- Returns the next cursor (0: that was all), then user ids. Who was there all the time comes at least once, as HSCAN promises.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local reply = { page[1] }
for i = 1, #page[2], 2 do reply[#reply + 1] = page[2][i] end
return reply
