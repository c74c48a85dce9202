// The custom role that lists what is below one management group, and its assignment there. A role may have one
// management group alone in its assignable scopes (azure-docs: role-based-access-control/custom-roles.md), so that
// there is one for each group, and its name, unique in the tenant, ends in the group's.

targetScope = 'managementGroup'

param environmentName string
param principalId string

var scopeReader = loadJsonContent('../roles/fipswarden-scope-reader.json')

resource scopeReaderRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(managementGroup().id, environmentName, scopeReader.Name)
  properties: {
    roleName: '${scopeReader.Name} (${environmentName}, ${managementGroup().name})'
    description: scopeReader.Description
    type: 'CustomRole'
    assignableScopes: [
      managementGroup().id
    ]
    permissions: [
      {
        actions: scopeReader.Actions
        notActions: scopeReader.NotActions
        dataActions: scopeReader.DataActions
        notDataActions: scopeReader.NotDataActions
      }
    ]
  }
}

resource scopeReaderAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(managementGroup().id, principalId, scopeReaderRole.name)
  properties: {
    roleDefinitionId: scopeReaderRole.id
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
