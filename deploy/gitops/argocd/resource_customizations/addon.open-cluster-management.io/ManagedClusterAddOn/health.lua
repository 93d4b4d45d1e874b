-- Health of a ManagedClusterAddOn.
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
  return health("Progressing", "Available", "Being deleted")
end

if is("Degraded", "True") then
  return health("Degraded", "Degraded")
end
if is("Progressing", "True") then
  return health("Progressing", "Progressing")
end
if is("Available", "True") then
  return health("Healthy", "Available")
end
if is("Available", "False") then
  return health("Degraded", "Available")
end
-- Unknown is also what a new add-on says.
return health("Progressing", "Available", "Not reported yet")
