-- Notifies dsyncd of users whose mail changed. For push_notification_lua of Dovecot 2.4; runs in every mail
-- process, as its mail user, after each change.
--
-- Settings (lua_settings): spool_dir, the notify_spool_dir of dsyncd; and, for a delivery that waits until the
-- mail is on the replica too: url (of POST /v1/notify), token_file, timeout ("2s"), sync_append ("yes": IMAP APPEND,
-- COPY and MOVE wait as well).
--
-- Everything goes through the spool folder, which keeps it while dsyncd is down. A file there is complete from the
-- first moment: it is written under a name with a leading dot and renamed. One file for each user and priority,
-- however often the user's mail changes. Nothing here can keep a mail from being saved or read.

local spool_dir = "/var/lib/dsyncd/notify-spool"
local sync_url, sync_token, sync_append
local sync_timeout = "2s"
local http_client
local unique = ""
local counter = 0

local LOW, HIGH, SYNC = 1, 2, 3
local names = { "low", "high", "sync" }

local function read_file(path, bytes)
  local file = io.open(path, "rb")
  if file == nil then return nil end
  local text = file:read(bytes)
  file:close()
  return text
end

local function to_hex(text)
  return (text:gsub(".", function(char) return string.format("%02x", char:byte()) end))
end

function script_init(settings)
  settings = settings or {}
  spool_dir = settings.spool_dir or spool_dir
  sync_timeout = settings.timeout or sync_timeout
  sync_append = settings.sync_append == "yes"
  -- Two mail processes must never write the same temporary file.
  unique = to_hex(read_file("/dev/urandom", 12) or tostring({}) .. os.time())
  if settings.url ~= nil and settings.url ~= "" then
    local token = read_file(settings.token_file or "", 4096)
    if token == nil then
      dovecot.i_warning("dsyncd: cannot read token_file; deliveries do not wait for the replica")
    else
      sync_url, sync_token = settings.url, token:match("^[^\r\n]*")
    end
  end
  return 0
end

local function safe_name(user)
  local text = user:gsub("[^%w@_+=-]", function(char) return string.format("%%%02X", char:byte()) end)
  -- A file name has 255 bytes. A name that had to be cut could be that of another user: it gets a file of its own.
  if #text > 150 then return text:sub(1, 150) .. "-" .. unique .. counter end
  return text
end

local function spool(user, priority)
  counter = counter + 1
  local temporary = spool_dir .. "/.tmp-" .. unique .. "-" .. counter
  local file, problem = io.open(temporary, "w")
  if file ~= nil then
    local written
    written, problem = file:write(user, "\t", names[priority], "\n")
    local closed, close_problem = file:close()
    if written and closed then
      local renamed
      renamed, problem = os.rename(temporary, spool_dir .. "/" .. safe_name(user) .. "." .. names[priority])
      if renamed then return end
    else
      problem = problem or close_problem
    end
    os.remove(temporary)
  end
  dovecot.i_warning("dsyncd: change of " .. user .. " not noted: " .. tostring(problem))
end

local function to_json(text)
  return '"' .. text:gsub('[%c"\\]', function(char) return string.format("\\u%04x", char:byte()) end) .. '"'
end

local function new_client()
  return dovecot.http.client({
    connect_timeout = "500ms",
    request_timeout = sync_timeout,
    request_absolute_timeout = sync_timeout,
    request_max_attempts = 1,
  })
end

-- True when the change is on the replica.
local function synced(user)
  http_client = http_client or new_client()
  local request = http_client:request({ url = sync_url, method = "POST" })
  request:add_header("Authorization", "Bearer " .. sync_token)
  request:add_header("Content-Type", "application/json")
  request:set_payload('{"user":' .. to_json(user) .. ',"priority":"sync"}')
  return request:submit():status() == 200
end

local function notify(user, priority)
  if priority == SYNC then
    local called, answer = pcall(synced, user)
    if called and answer then return end
    if not called then dovecot.i_warning("dsyncd: " .. tostring(answer)) end
    priority = HIGH
  end
  spool(user, priority)
end

function dovecot_lua_notify_begin_txn(user)
  return { user = user.username, is_dsync = user.dsyncing, priority = 0 }
end

local function raise(context, priority)
  if context.priority < priority then context.priority = priority end
end

local function low(context) raise(context, LOW) end

function dovecot_lua_notify_event_message_new(context)
  raise(context, sync_url and SYNC or HIGH)
end

function dovecot_lua_notify_event_message_append(context)
  raise(context, sync_url and sync_append and SYNC or HIGH)
end

dovecot_lua_notify_event_message_expunge = low
dovecot_lua_notify_event_message_read = low
dovecot_lua_notify_event_message_trash = low
dovecot_lua_notify_event_flags_set = low
dovecot_lua_notify_event_flags_clear = low
dovecot_lua_notify_event_mailbox_create = low
dovecot_lua_notify_event_mailbox_delete = low
dovecot_lua_notify_event_mailbox_rename = low
dovecot_lua_notify_event_mailbox_subscribe = low
dovecot_lua_notify_event_mailbox_unsubscribe = low

-- What dsync brought in came from the replica: a notification would send it back there.
function dovecot_lua_notify_end_txn(context, success)
  if not success or context.is_dsync or context.priority == 0 then return end
  notify(context.user, context.priority)
end
