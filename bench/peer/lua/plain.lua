-- Workloads without a store, for the comparison in bench/RESULTS.md.
local cjson = require "cjson.safe"

local _M = {}

function _M.hello()
    ngx.header.content_type = "text/plain"
    local text = "Hello, world! Today is " .. ngx.today() .. "\n"
    ngx.header.content_length = #text
    ngx.print(text)
end

function _M.json()
    local args = ngx.req.get_uri_args()
    local headers = ngx.req.get_headers()
    ngx.header.content_type = "application/json"
    local text = cjson.encode({
        user_id = args.user_id or "anonymous",
        user_agent = headers.user_agent,
        timestamp = ngx.time(),
    })
    ngx.header.content_length = #text
    ngx.print(text)
end

-- Many operations in one request, so that the request itself does not count.
local OPERATIONS = 1000
local VALUE = ("v"):rep(200)
local keys = {}
for i = 0, 255 do
    keys[i] = ("key:%028d"):format(i)
end

local operations = {}

function operations.get(dict)
    for i = 1, OPERATIONS do
        dict:get(keys[i % 256])
    end
end

function operations.set(dict)
    for i = 1, OPERATIONS do
        dict:set(keys[i % 256], VALUE)
    end
end

function operations.incr(dict)
    for i = 1, OPERATIONS do
        dict:incr(keys[i % 256], 1, 0)
    end
end

function _M.dict(operation)
    -- Numbers and texts have their own dictionaries: incr of a text would only count refusals.
    local dict = operation == "incr" and ngx.shared.counters or ngx.shared.values
    if operation == "get" and not dict:get(keys[0]) then
        operations.set(dict)
    end
    operations[operation](dict)
    ngx.header.content_length = 3
    ngx.print("ok\n")
end

return _M
