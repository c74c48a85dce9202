// Lets the app read one secret of a vault that exists already; not the vault. The vault must use Azure RBAC.

param vaultName string
param secretName string
param principalId string

var roles = loadJsonContent('../built-in-roles.json')

resource vault 'Microsoft.KeyVault/vaults@2022-07-01' existing = {
  name: vaultName
}

resource secret 'Microsoft.KeyVault/vaults/secrets@2022-07-01' existing = {
  parent: vault
  name: secretName
}

resource access 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(secret.id, principalId, roles.keyVaultSecretsUser)
  scope: secret
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
