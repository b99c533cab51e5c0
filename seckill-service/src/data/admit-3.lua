-- Decides who is let out of a waiting room now: as many places as the tokens of its bucket allow, by Redis' clock, whoever runs it and however often.
-- Nobody may buy yet: that comes once it is written down (tell-admitted-1.lua, or the next run of this).
--
-- KEYS: 1 room (hash), 2 window (sorted set), 3 line (sorted set); their forms are written at the top of enter-3.lua
-- ARGV: window and admitted, as they were saved last; starts_at, ends_at (ms); 1 while the sale has units and is neither paused nor rebuilt;
--       places per second, or 0: adaptive, with the least and the most per second, purchases that wait to be recorded, and how many may
-- Returns nothing when there is no room. Else window, issued, the place up to which everybody is admitted after this, now (ms), the rate, when the
-- room was born, then the users of the places from admitted to there, in order.
local MOST_AT_ONCE, BURST_SECONDS = 5000, 1
local PACE_SECONDS, ADJUST_MS = 10, 1000
local DECREASE, STEPS = 0.7, 50

local admitted, starts_at, ends_at, is_selling = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1'
local fixed, least, most = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local backlog, most_backlog = tonumber(ARGV[9]), tonumber(ARGV[10])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local room = redis.call('HMGET', KEYS[1], 'born', 'opened', 'window', 'issued', 'admitted', 'tokens', 'refilled_at', 'rate',
  'is_ramping', 'adjusted_at', 'pace', 'paced_at')
if not room[1] then return false end

local window, issued = tonumber(room[3] or 0), tonumber(room[4] or 0)
-- What is written down holds: whoever wrote it may not have come to say so.
if admitted > tonumber(room[5] or 0) then redis.call('HSET', KEYS[1], 'admitted', admitted) end
if room[2] ~= '1' then
  window = math.max(tonumber(ARGV[1]), redis.call('ZCARD', KEYS[2]))
  issued = math.max(issued, window)
  if now < starts_at then return { window, issued, admitted, string.format('%.0f', now), 0, room[1] } end
  redis.call('HSET', KEYS[1], 'opened', 1, 'window', window, 'issued', issued)
end

local rate = (fixed > 0) and fixed or tonumber(room[8] or least)
local since = now - tonumber(room[7] or starts_at)
local tokens = math.min(tonumber(room[6] or 0) + math.max(since, 0) * rate / 1000, math.max(rate * BURST_SECONDS, 1))
local is_open = is_selling and now < ends_at
local waiting = math.max(issued - admitted, 0)
local count = is_open and math.min(math.floor(tokens), waiting, MOST_AT_ONCE) or 0

-- The pace is that of the times when somebody waited and could have been let in: an average that forgets, over about ten seconds.
local pace = tonumber(room[11] or rate)
local paced = now - tonumber(room[12] or now)
if is_open and waiting > 0 and room[12] and paced > 0 then
  pace = pace + (count * 1000 / paced - pace) * (1 - math.exp(-paced / 1000 / PACE_SECONDS))
end

-- Additive increase while the rate is what people wait for, multiplicative decrease once the back end falls behind (Chiu and Jain, 1989);
-- doubled until that happens first, as TCP starts.
local is_ramping, adjusted_at = room[9] or '1', tonumber(room[10] or 0)
if fixed == 0 and is_open and now - adjusted_at >= ADJUST_MS then
  adjusted_at = now
  if backlog > most_backlog then
    rate, is_ramping = math.max(least, rate * DECREASE), '0'
  elseif waiting > count then
    rate = math.min(most, (is_ramping == '1') and rate * 2 or rate + most / STEPS)
  end
end

redis.call('HSET', KEYS[1], 'tokens', tokens - count, 'refilled_at', string.format('%.0f', now), 'rate', rate,
  'is_ramping', is_ramping, 'adjusted_at', string.format('%.0f', adjusted_at), 'pace', pace, 'paced_at', string.format('%.0f', now))

local last = admitted + count
local reply = { window, issued, last, string.format('%.0f', now), tostring(rate), room[1] }
if count == 0 then return reply end
local function add(users) for _, user in ipairs(users) do reply[#reply + 1] = user end end
if admitted < window then add(redis.call('ZRANGE', KEYS[2], admitted, math.min(last, window) - 1)) end
add(redis.call('ZRANGEBYSCORE', KEYS[3], admitted + 1, last))
return reply
