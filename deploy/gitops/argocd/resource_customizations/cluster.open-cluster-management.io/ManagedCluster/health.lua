-- Health of a ManagedCluster.
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

if obj.spec == nil or obj.spec.hubAcceptsClient ~= true then
  return health("Suspended", "HubAcceptedManagedCluster", "Waits for somebody to set spec.hubAcceptsClient")
end
if not is("ManagedClusterJoined", "True") then
  return health("Progressing", "ManagedClusterJoined", "The cluster's agent has not joined yet")
end
local kind = "ManagedClusterConditionAvailable"
if is(kind, "True") then
  return health("Healthy", kind)
end
-- Unknown: the agent no longer renews its lease.
if is(kind, "False") or is(kind, "Unknown") then
  return health("Degraded", kind)
end
return health("Progressing", kind, "The cluster's agent has not reported yet")
