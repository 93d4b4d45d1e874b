-- Health of a ManifestWork.
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
  return health("Progressing", "Deleting", "Being deleted")
end

local applied = conditions.Applied
if applied == nil or applied.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The work agent has not looked at this generation yet" }
end
if is("Degraded", "True") then
  return health("Degraded", "Degraded")
end
if is("Applied", "False") then
  return health("Degraded", "Applied")
end
if is("Complete", "True") then
  return health("Healthy", "Complete")
end
if is("Progressing", "True") then
  return health("Progressing", "Progressing")
end
if is("Applied", "True") and is("Available", "True") then
  return health("Healthy", "Available")
end
return health("Progressing", "Available", "Not reported yet")
