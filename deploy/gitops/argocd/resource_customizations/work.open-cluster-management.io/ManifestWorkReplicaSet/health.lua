-- Health of a ManifestWorkReplicaSet.
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
  return health("Progressing", "ManifestworkApplied", "Being deleted")
end

for _, kind in ipairs({ "PlacementVerified", "PlacementRolledOut", "ManifestworkApplied" }) do
  local condition = conditions[kind]
  -- Older releases of OCM do not say for which generation a condition is.
  local seen = condition and (condition.observedGeneration or 0)
  if condition == nil or (seen ~= 0 and seen ~= obj.metadata.generation) then
    return { status = "Progressing", message = "OCM has not looked at this generation yet" }
  end
  if condition.status ~= "True" then
    return health("Progressing", kind)
  end
end
return health("Healthy", "ManifestworkApplied")
