/** The circuit breaker of a channel, shared by all replicators; as `model/breaker.ts` of `@dsyncd/queue`. */
export const breaker = `
local CULPRITS_MAX = 1024

-- Nothing is claimed before this instant; infinite while one sync tries the peer or a person holds the channel.
local function gateAt(ch)
  if call('SISMEMBER', base .. 'paused', ch) == 1 then return math.huge end
  local b = call('HMGET', key('breaker', ch), 'state', 'retryAt')
  if not b[1] then return -math.huge end
  if b[1] ~= 'open' then return math.huge end
  local retryAt, latest = tonumber(b[2]), now + C.BREAKER_MAX_MS
  if retryAt <= latest then return retryAt end
  -- A clock that was ahead said so: it is not waited for.
  call('HSET', key('breaker', ch), 'retryAt', latest)
  return latest
end

-- True when the sync that starts now is the one that tries the peer.
local function breakerStarted(ch)
  if call('HGET', key('breaker', ch), 'state') ~= 'open' then return false end
  call('HSET', key('breaker', ch), 'state', 'half-open')
  return true
end

local function breakerSucceeded(ch, by)
  local state = call('HGET', key('breaker', ch), 'state')
  local released = state and call('SMEMBERS', key('culprits', ch)) or {}
  call('DEL', key('breaker', ch), key('culprits', ch))
  for _, user in ipairs(released) do
    local r = user ~= by and get(ch, user) or nil
    if r and has(r, FAILED) then
      r[HOLD] = math.min(r[HOLD], now + C.QUICK_RETRY_FIRST_MS)
      place(ch, user, r)
    end
  end
end

-- True when the channel is held back by this failure. fraction: random, from 0 to 1.
local function breakerFailed(ch, user, reason, isProbe, fraction)
  local b, c = key('breaker', ch), key('culprits', ch)
  local failures = call('HINCRBY', b, 'failures', 1)
  call('HSET', b, 'reason', reason or '')
  if call('SCARD', c) < CULPRITS_MAX then call('SADD', c, user) end
  local was = call('HMGET', b, 'state', 'delayMs')
  local trips = not was[1] and failures >= C.BREAKER_FAILURES_MIN and call('SCARD', c) > 1
  if not trips and not isProbe then return false end
  local delay = math.min(C.BREAKER_MAX_MS, math.max(C.BREAKER_FIRST_MS, tonumber(was[2] or 0) * 2))
  local retryAt = now + math.floor(delay * (1 - fraction / 4) + 0.5)
  call('HSET', b, 'state', 'open', 'delayMs', delay, 'retryAt', retryAt)
  return true
end

-- A sync ended in a way that says nothing of the peer: the next one may try at once.
local function breakerUndecided(ch, isProbe)
  if not isProbe or call('HGET', key('breaker', ch), 'state') ~= 'half-open' then return end
  call('HSET', key('breaker', ch), 'state', 'open', 'retryAt', now)
end
`;
