-- Health of a Klusterlet.
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
  return health("Progressing", "Applied", "Being deleted")
end

if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The klusterlet operator has not looked at this generation yet" }
end

if not is("Applied", "True") then
  return health("Progressing", "Applied", "Not reported yet")
end
-- Until the hub has given the agent a certificate, the connection is not there yet rather than lost.
local joining = {
  ["BootstrapSecretFunctional,HubKubeConfigSecretMissing"] = true,
  ["BootstrapSecretMissing,HubKubeConfigSecretMissing"] = true,
  ["BootstrapSecretError,HubKubeConfigSecretMissing"] = true,
  ["BootstrapSecretUnauthorized,HubKubeConfigSecretMissing"] = true,
}
if is("HubConnectionDegraded", "True") then
  if joining[conditions.HubConnectionDegraded.reason] then
    return health("Progressing", "HubConnectionDegraded")
  end
  return health("Degraded", "HubConnectionDegraded")
end
if not is("HubConnectionDegraded", "False") then
  return health("Progressing", "HubConnectionDegraded", "Not reported yet")
end
if not is("Available", "True") then
  return health("Progressing", "Available", "Not reported yet")
end
for _, kind in ipairs({ "RegistrationDesiredDegraded", "WorkDesiredDegraded" }) do
  if is(kind, "True") then
    return health("Degraded", kind)
  end
end
return health("Healthy", "Available")
