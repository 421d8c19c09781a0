/**
 * Who waits for a sync: the set `awaits:<channel>:<user>` holds `<process> <number>` of each, moves to
 * `awaiting:<lease>` when a sync starts, and is answered over pub/sub to the process.
 */
export const waiters = `
-- Waiters that nobody ever answers (their process died) do not stay for ever.
local AWAIT_MS_MAX = 3600000

local function awaits(ch, user) return base .. 'awaits:' .. ch .. ':' .. user end

local function answerSet(name, outcome)
  for _, member in ipairs(call('SMEMBERS', name)) do
    local cut = string.find(member, ' ', 1, true)
    call('PUBLISH', base .. 'answers:' .. string.sub(member, 1, cut - 1), string.sub(member, cut + 1) .. ' ' .. outcome)
  end
  call('DEL', name)
end

local function answerUser(ch, user, outcome)
  if call('SREM', key('awaited', ch), user) == 1 then answerSet(awaits(ch, user), outcome) end
end

local function answerChannel(ch, outcome)
  for _, user in ipairs(call('SMEMBERS', key('awaited', ch))) do answerSet(awaits(ch, user), outcome) end
  call('DEL', key('awaited', ch))
end

local function waitersToLease(ch, user, id)
  if call('SREM', key('awaited', ch), user) == 0 then return end
  if call('EXISTS', awaits(ch, user)) == 1 then call('RENAME', awaits(ch, user), base .. 'awaiting:' .. id) end
end

local function waitersBack(ch, user, id)
  local from = base .. 'awaiting:' .. id
  if call('EXISTS', from) == 0 then return end
  call('SUNIONSTORE', awaits(ch, user), awaits(ch, user), from)
  call('PEXPIRE', awaits(ch, user), AWAIT_MS_MAX)
  call('DEL', from)
  call('SADD', key('awaited', ch), user)
end
`;
