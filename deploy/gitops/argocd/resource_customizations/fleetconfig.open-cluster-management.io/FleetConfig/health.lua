-- Health of a FleetConfig, a Hub or a Spoke; one text for the three kinds.
-- Runs without Lua's libraries, as Argo CD runs what stands in argocd-cm.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is(kind, word)
  return conditions[kind] ~= nil and conditions[kind].status == word
end

local function health(word, kind, otherwise)
  local condition = conditions[kind]
  if condition == nil then
    return { status = word, message = otherwise }
  end
  local message = condition.reason
  if condition.message ~= nil and condition.message ~= "" then
    message = message .. ": " .. condition.message
  end
  return { status = word, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "Ready", "Being deleted")
end

if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not looked at this generation yet" }
end

if is("Ready", "True") then
  return health("Healthy", "Ready")
end
if is("Stalled", "True") then
  return health("Degraded", "Stalled")
end
if conditions.Ready ~= nil and conditions.Ready.reason == "Paused" then
  return health("Suspended", "Ready")
end
-- It was tried and did not work, or it worked and does not work any more.
if status.phase == "Unhealthy" then
  return health("Degraded", "Ready")
end
return health("Progressing", "Ready", "Not reported yet")
