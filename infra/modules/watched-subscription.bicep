// One watched subscription: what the app may do in it, and where its events come from.

targetScope = 'subscription'

param location string
param tags object
param principalId string
param readerRoleName string
param nodeReaderRoleName string
param remediatorRoleName string
param workloadReaderRoleName string
param nodeProverRoleName string
param runCommandRoleName string
param poolDeleterRoleName string
param nodeDrainerRoleName string

@description('Whether the app may change node pools here.')
param allowRemediation bool

@description('Whether the app may read what runs on the nodes here.')
param allowWorkloadReading bool

@description('Whether the app may prove nodes by pods here.')
param allowNodePods bool

@description('Whether the app may use AKS run command here.')
param allowRunCommand bool

@description('Whether the app may replace node pools here: drain and delete them.')
param allowReplacement bool

@description('Whether events are wanted; without them the resync finds changes by itself, later.')
param events bool
param eventsResourceGroupName string
param systemTopicName string
param deadLetters bool
param eventsIdentityId string

resource readerAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, readerRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', readerRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource nodeReaderAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, nodeReaderRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', nodeReaderRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource remediatorAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowRemediation) {
  name: guid(subscription().id, principalId, remediatorRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', remediatorRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource workloadReaderAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowWorkloadReading) {
  name: guid(subscription().id, principalId, workloadReaderRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', workloadReaderRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource nodeProverAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowNodePods) {
  name: guid(subscription().id, principalId, nodeProverRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', nodeProverRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource runCommandAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowRunCommand) {
  name: guid(subscription().id, principalId, runCommandRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', runCommandRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource poolDeleterAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowReplacement) {
  name: guid(subscription().id, principalId, poolDeleterRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', poolDeleterRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource nodeDrainerAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (allowReplacement) {
  name: guid(subscription().id, principalId, nodeDrainerRoleName)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', nodeDrainerRoleName)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// A subscription's system topic must be in that subscription (azure-docs: event-grid/system-topics.md).
resource eventsGroup 'Microsoft.Resources/resourceGroups@2022-09-01' = if (events) {
  name: eventsResourceGroupName
  location: location
  tags: tags
}

module systemTopic 'system-topic.bicep' = if (events) {
  name: 'fipswarden-system-topic'
  scope: resourceGroup(eventsResourceGroupName)
  params: {
    name: systemTopicName
    tags: tags
    deadLetters: deadLetters
    identityId: eventsIdentityId
  }
  dependsOn: [
    eventsGroup
  ]
}
