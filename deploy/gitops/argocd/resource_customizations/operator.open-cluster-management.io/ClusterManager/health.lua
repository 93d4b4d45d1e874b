-- Health of a ClusterManager.
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
  return health("Progressing", "Progressing", "Being deleted")
end

if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The cluster-manager operator has not looked at this generation yet" }
end

if not is("Applied", "True") then
  return health("Progressing", "Applied", "Not reported yet")
end
-- The webhooks are installed only after this has become False.
if not is("Progressing", "False") then
  return health("Progressing", "Progressing", "Not reported yet")
end
for _, kind in ipairs({ "HubRegistrationDegraded", "HubPlacementDegraded" }) do
  if is(kind, "True") then
    return health("Degraded", kind)
  end
  if not is(kind, "False") then
    return health("Progressing", kind, "Not reported yet")
  end
end
return health("Healthy", "Applied")
