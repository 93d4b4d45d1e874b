-- Health of a Placement.
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
  return health("Progressing", "PlacementSatisfied", "Being deleted")
end

if is("PlacementMisconfigured", "True") then
  return health("Degraded", "PlacementMisconfigured")
end
if is("PlacementSatisfied", "True") then
  return health("Healthy", "PlacementSatisfied")
end
return health("Progressing", "PlacementSatisfied", "Not reported yet")
