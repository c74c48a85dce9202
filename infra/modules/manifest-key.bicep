// The key that signs the daily manifests of evidence: RSA of 3072 bits that never leaves its vault, which nothing else
// is in. The app may read its public half and sign with it, by a role of its own at the key; it can't change, back up
// or delete it. Who can delete keys or vaults can't purge them: for 90 days what was deleted can be brought back.
//
// ARM makes the key's first version only if there is none (Microsoft.KeyVault/vaults/keys, "Create or update": an
// existing key is returned as it is), so deploying again changes no key.

@minLength(3)
@maxLength(24)
param vaultName string
param location string
param tags object

@description('standard: protected by software; premium: the key is made in an HSM (kty RSA-HSM).')
@allowed([
  'standard'
  'premium'
])
param sku string
param appPrincipalId string

@description('Name (a GUID) of the custom role that may read the key and sign.')
param signerRoleName string
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2022-07-01' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: sku
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    publicNetworkAccess: 'Enabled'
  }
}

resource key 'Microsoft.KeyVault/vaults/keys@2022-07-01' = {
  parent: vault
  name: 'fipswarden-manifests'
  properties: {
    kty: sku == 'premium' ? 'RSA-HSM' : 'RSA'
    keySize: 3072
    keyOps: [
      'sign'
      'verify'
    ]
    attributes: {
      enabled: true
      exportable: false
    }
  }
}

resource signing 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(key.id, appPrincipalId, signerRoleName)
  scope: key
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', signerRoleName)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who signed what is a record of its own, outside the vault.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'key-use'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

output keyUri string = key.properties.keyUri
