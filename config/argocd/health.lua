-- The health of a Prompt or an SDPConnection (lectern.dev) for Argo CD: what kstatus makes of it, in Argo CD's words.
--
-- Current is Healthy, or Suspended for an object that asks for it; InProgress and Terminating are Progressing; Failed is
-- Degraded. Argo CD runs this without Lua's standard library.

local hs = { status = "Progressing", message = "Waiting for the Lectern controller to read this object" }

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Being deleted"
  return hs
end

-- A new object has observedGeneration -1. What a status says of an earlier generation is no news of this one.
local status = obj.status or {}
if status.observedGeneration ~= obj.metadata.generation then
  return hs
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end

local ready = conditions.Ready
if ready == nil then
  return hs
end
hs.message = (ready.reason or "") .. ": " .. (ready.message or "")

-- Reconciling and Stalled exist only while True, and never both.
if is("Reconciling", "True") then
  hs.status = "Progressing"
elseif is("Stalled", "True") then
  hs.status = "Degraded"
elseif not is("Ready", "True") then
  hs.status = "Progressing"
elseif ready.reason == "Suspended" then
  hs.status = "Suspended"
else
  hs.status = "Healthy"
end
return hs
