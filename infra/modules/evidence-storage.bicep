// The evidence account: the app creates and reads blobs here and can do nothing else. Two independent locks:
//
// 1. Its role has blobs/add/action, which creates a blob, and not blobs/write, which overwrites one
//    (azure-docs: storage/blobs/storage-auth-abac-attributes.md, "Create a blob or snapshot, or append data" and
//    "Write to a blob"); nor blobs/delete. A second PUT to a name is refused with 403 UnauthorizedBlobOverwrite.
// 2. The time-based policy of each container refuses overwrites, appends, snapshots and deletions from anybody until
//    each blob has reached its age (azure-docs: storage/blobs/immutable-container-level-worm-policies.md).
//    Unlocked it can be lifted by who may manage the account: lock it once its length is settled.
//
// Container scope needs no versioning; only policies per version do, so versioning stays off.

@minLength(3)
@maxLength(24)
param accountName string
param location string
param tags object

@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param redundancy string

@minValue(1)
@maxValue(146000)
param retentionInDays int

@description('True once the policies have been locked: a locked policy is not deployed again.')
param policyLocked bool
param workspaceId string
param appPrincipalId string

@description('Name (a GUID) of the custom role that may create and read blobs.')
param writerRoleName string

resource account 'Microsoft.Storage/storageAccounts@2023-01-01' = {
  name: accountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: false
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource evidence 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-01-01' = {
  parent: blobs
  name: 'evidence'
  properties: {
    publicAccess: 'None'
  }
}

resource retention 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2023-01-01' = if (!policyLocked) {
  parent: evidence
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: retentionInDays
    allowProtectedAppendWrites: false
  }
}

resource snapshots 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-01-01' = {
  parent: blobs
  name: 'snapshots'
  properties: {
    publicAccess: 'None'
  }
}

resource snapshotsRetention 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2023-01-01' = if (!policyLocked) {
  parent: snapshots
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: retentionInDays
    allowProtectedAppendWrites: false
  }
}

resource evidenceAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(evidence.id, appPrincipalId, writerRoleName)
  scope: evidence
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', writerRoleName)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource snapshotsAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(snapshots.id, appPrincipalId, writerRoleName)
  scope: snapshots
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', writerRoleName)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Who read, wrote or tried to delete evidence is a record of its own, outside the account.
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'evidence-access'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageRead'
        enabled: true
      }
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

output blobEndpoint string = account.properties.primaryEndpoints.blob
