-- The session service as an OpenResty operator would write it, for the comparison in bench/RESULTS.md.
-- $session_store says how it is tuned:
--   connect  a Redis connection for each request
--   pool     connections kept in the worker's pool
--   cache    as pool, behind a shared dictionary with a lifetime of 300 seconds
local cjson = require "cjson.safe"
local redis = require "nginx.redis"

local LIFETIME = 86400
local CACHE_SECONDS = 300
local BATCH_MAX = 100
-- With the cache, last_accessed is written at most this often: a read that writes each time would not need a cache.
local TOUCH_SECONDS = 1

local _M = {}

local function reply(status, body)
    ngx.status = status
    ngx.header.content_type = "application/json"
    local text = cjson.encode(body)
    ngx.header.content_length = #text
    ngx.print(text)
end

local function open()
    local client = redis:new()
    client:set_timeout(5000)
    local ok, problem = client:connect("127.0.0.1", tonumber(ngx.var.redis_port))
    if ok then
        return client
    end
    ngx.log(ngx.ERR, "redis: ", problem)
    reply(500, { error = "Redis connection failed" })
end

local function release(client)
    if ngx.var.session_store == "connect" then
        client:close()
    else
        client:set_keepalive(60000, 100)
    end
end

local function cached()
    return ngx.var.session_store == "cache" and ngx.shared.sessions or nil
end

-- HGETALL answers a flat list, an empty one when there is no such session.
local function to_hash(flat)
    if #flat == 0 then
        return nil
    end
    local hash = {}
    for i = 1, #flat, 2 do
        hash[flat[i]] = flat[i + 1]
    end
    return hash
end

local function argument(name)
    local value = ngx.req.get_uri_args()[name]
    if type(value) == "string" and value ~= "" then
        return value
    end
    reply(400, { error = name .. " is required" })
end

local function is_id(id)
    return #id == 32 and not id:find("[^0-9a-f]")
end

-- The session of an id, nil when there is none; false when Redis did not say, which has then been answered.
local function find(client, id)
    if not is_id(id) then
        return nil
    end
    local flat, problem = client:hgetall("session:" .. id)
    if not flat then
        ngx.log(ngx.ERR, "redis: ", problem)
        client:close()
        reply(500, { error = "Redis connection failed" })
        return false
    end
    return to_hash(flat)
end

local function touch(client, id, now)
    local key = "session:" .. id
    client:init_pipeline(2)
    client:hset(key, "last_accessed", now)
    client:expire(key, LIFETIME)
    return client:commit_pipeline()
end

function _M.create()
    local user_id = argument("user_id")
    if not user_id then
        return
    end
    local client = open()
    if not client then
        return
    end
    local id = ngx.var.request_id
    local now = ngx.time()
    local user_data = ngx.req.get_uri_args().user_data or ""
    local key = "session:" .. id
    client:init_pipeline(2)
    client:hmset(key, "user_id", user_id, "user_data", user_data, "created_at", now, "last_accessed", now)
    client:expire(key, LIFETIME)
    local results = client:commit_pipeline()
    if not results then
        return reply(500, { error = "Failed to store session" })
    end
    release(client)
    reply(200, {
        success = true,
        session_id = id,
        session_data = { user_id = user_id, user_data = user_data, created_at = now, last_accessed = now },
    })
end

function _M.validate()
    local id = argument("session_id")
    if not id then
        return
    end
    local now = ngx.time()
    local cache = cached()
    if cache then
        local text = cache:get(id)
        if text and not cache:add("touched:" .. id, true, TOUCH_SECONDS) then
            ngx.header.content_type = "application/json"
            ngx.header.content_length = #text
            return ngx.print(text)
        end
    end
    local client = open()
    if not client then
        return
    end
    local session = find(client, id)
    if session == false then
        return
    end
    if not session then
        release(client)
        return reply(401, { error = "Session not found" })
    end
    session.last_accessed = tostring(now)
    touch(client, id, now)
    release(client)
    local text = cjson.encode({ success = true, session = session })
    if cache then
        cache:set(id, text, CACHE_SECONDS)
    end
    ngx.header.content_type = "application/json"
    ngx.header.content_length = #text
    ngx.print(text)
end

function _M.update()
    local id = argument("session_id")
    local user_data = id and argument("user_data")
    if not user_data then
        return
    end
    local client = open()
    if not client then
        return
    end
    local key = "session:" .. id
    local session = find(client, id)
    if session == false then
        return
    end
    if not session then
        release(client)
        return reply(401, { error = "Session not found" })
    end
    local now = ngx.time()
    session.user_data = user_data
    session.last_accessed = tostring(now)
    client:init_pipeline(2)
    client:hmset(key, "user_data", user_data, "last_accessed", now)
    client:expire(key, LIFETIME)
    client:commit_pipeline()
    release(client)
    local cache = cached()
    if cache then
        cache:delete(id)
    end
    reply(200, { success = true, session = session })
end

function _M.batch()
    local list = argument("session_ids")
    if not list then
        return
    end
    local ids = {}
    for id in list:gmatch("[^,%s]+") do
        ids[#ids + 1] = id
    end
    if #ids == 0 then
        return reply(400, { error = "No valid session IDs provided" })
    end
    if #ids > BATCH_MAX then
        return reply(400, { error = "Too many session IDs (max 100)" })
    end
    local client = open()
    if not client then
        return
    end
    client:init_pipeline(#ids)
    for _, id in ipairs(ids) do
        client:hgetall("session:" .. id)
    end
    local results = client:commit_pipeline()
    if not results then
        return reply(500, { error = "Redis connection failed" })
    end
    release(client)
    local sessions = {}
    for i, flat in ipairs(results) do
        sessions[ids[i]] = type(flat) == "table" and to_hash(flat) or nil
    end
    reply(200, { success = true, sessions = sessions })
end

function _M.delete()
    local id = argument("session_id")
    if not id then
        return
    end
    local client = open()
    if not client then
        return
    end
    local removed = is_id(id) and client:del("session:" .. id)
    release(client)
    local cache = cached()
    if cache then
        cache:delete(id)
    end
    if removed ~= 1 then
        return reply(401, { error = "Session not found" })
    end
    reply(200, { success = true, session_id = id })
end

return _M
