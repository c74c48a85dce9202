// The custom roles, defined once for all watched subscriptions: a role's name must be unique in the tenant
// (azure-docs: role-based-access-control/custom-roles.md), so a definition per subscription would collide.
// The scopes that stand in the files are placeholders for use without this template.

targetScope = 'subscription'

param environmentName string

@description('Subscription ids, in lower case.')
param watched array
param allowRemediation bool
param allowWorkloadReading bool
param allowNodePods bool
param allowRunCommand bool
param allowReplacement bool

var reader = loadJsonContent('../roles/fipswarden-reader.json')
var nodeReader = loadJsonContent('../roles/fipswarden-node-reader.json')
var remediator = loadJsonContent('../roles/fipswarden-remediator.json')
var workloadReader = loadJsonContent('../roles/fipswarden-workload-reader.json')
var nodeProver = loadJsonContent('../roles/fipswarden-node-prover.json')
var runCommand = loadJsonContent('../roles/fipswarden-run-command.json')
var poolDeleter = loadJsonContent('../roles/fipswarden-pool-deleter.json')
var nodeDrainer = loadJsonContent('../roles/fipswarden-node-drainer.json')
var evidenceWriter = loadJsonContent('../roles/fipswarden-evidence-writer.json')
var manifestSigner = loadJsonContent('../roles/fipswarden-manifest-signer.json')
var watchedScopes = [for id in watched: '/subscriptions/${id}']

resource readerRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, environmentName, reader.Name)
  properties: {
    roleName: '${reader.Name} (${environmentName})'
    description: reader.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: reader.Actions
        notActions: reader.NotActions
        dataActions: reader.DataActions
        notDataActions: reader.NotDataActions
      }
    ]
  }
}

resource nodeReaderRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, environmentName, nodeReader.Name)
  properties: {
    roleName: '${nodeReader.Name} (${environmentName})'
    description: nodeReader.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: nodeReader.Actions
        notActions: nodeReader.NotActions
        dataActions: nodeReader.DataActions
        notDataActions: nodeReader.NotDataActions
      }
    ]
  }
}

resource remediatorRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (allowRemediation) {
  name: guid(subscription().id, environmentName, remediator.Name)
  properties: {
    roleName: '${remediator.Name} (${environmentName})'
    description: remediator.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: remediator.Actions
        notActions: remediator.NotActions
        dataActions: remediator.DataActions
        notDataActions: remediator.NotDataActions
      }
    ]
  }
}

resource workloadReaderRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (allowWorkloadReading) {
  name: guid(subscription().id, environmentName, workloadReader.Name)
  properties: {
    roleName: '${workloadReader.Name} (${environmentName})'
    description: workloadReader.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: workloadReader.Actions
        notActions: workloadReader.NotActions
        dataActions: workloadReader.DataActions
        notDataActions: workloadReader.NotDataActions
      }
    ]
  }
}

resource nodeProverRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (allowNodePods) {
  name: guid(subscription().id, environmentName, nodeProver.Name)
  properties: {
    roleName: '${nodeProver.Name} (${environmentName})'
    description: nodeProver.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: nodeProver.Actions
        notActions: nodeProver.NotActions
        dataActions: nodeProver.DataActions
        notDataActions: nodeProver.NotDataActions
      }
    ]
  }
}

resource runCommandRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (allowRunCommand) {
  name: guid(subscription().id, environmentName, runCommand.Name)
  properties: {
    roleName: '${runCommand.Name} (${environmentName})'
    description: runCommand.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: runCommand.Actions
        notActions: runCommand.NotActions
        dataActions: runCommand.DataActions
        notDataActions: runCommand.NotDataActions
      }
    ]
  }
}

resource poolDeleterRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (allowReplacement) {
  name: guid(subscription().id, environmentName, poolDeleter.Name)
  properties: {
    roleName: '${poolDeleter.Name} (${environmentName})'
    description: poolDeleter.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: poolDeleter.Actions
        notActions: poolDeleter.NotActions
        dataActions: poolDeleter.DataActions
        notDataActions: poolDeleter.NotDataActions
      }
    ]
  }
}

resource nodeDrainerRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (allowReplacement) {
  name: guid(subscription().id, environmentName, nodeDrainer.Name)
  properties: {
    roleName: '${nodeDrainer.Name} (${environmentName})'
    description: nodeDrainer.Description
    type: 'CustomRole'
    assignableScopes: watchedScopes
    permissions: [
      {
        actions: nodeDrainer.Actions
        notActions: nodeDrainer.NotActions
        dataActions: nodeDrainer.DataActions
        notDataActions: nodeDrainer.NotDataActions
      }
    ]
  }
}

resource evidenceWriterRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, environmentName, evidenceWriter.Name)
  properties: {
    roleName: '${evidenceWriter.Name} (${environmentName})'
    description: evidenceWriter.Description
    type: 'CustomRole'
    assignableScopes: [
      subscription().id
    ]
    permissions: [
      {
        actions: evidenceWriter.Actions
        notActions: evidenceWriter.NotActions
        dataActions: evidenceWriter.DataActions
        notDataActions: evidenceWriter.NotDataActions
      }
    ]
  }
}

resource manifestSignerRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, environmentName, manifestSigner.Name)
  properties: {
    roleName: '${manifestSigner.Name} (${environmentName})'
    description: manifestSigner.Description
    type: 'CustomRole'
    assignableScopes: [
      subscription().id
    ]
    permissions: [
      {
        actions: manifestSigner.Actions
        notActions: manifestSigner.NotActions
        dataActions: manifestSigner.DataActions
        notDataActions: manifestSigner.NotDataActions
      }
    ]
  }
}

output readerRoleName string = readerRole.name
output nodeReaderRoleName string = nodeReaderRole.name
output remediatorRoleName string = guid(subscription().id, environmentName, remediator.Name)
output workloadReaderRoleName string = guid(subscription().id, environmentName, workloadReader.Name)
output nodeProverRoleName string = guid(subscription().id, environmentName, nodeProver.Name)
output runCommandRoleName string = guid(subscription().id, environmentName, runCommand.Name)
output poolDeleterRoleName string = guid(subscription().id, environmentName, poolDeleter.Name)
output nodeDrainerRoleName string = guid(subscription().id, environmentName, nodeDrainer.Name)
output evidenceWriterRoleName string = evidenceWriterRole.name
output manifestSignerRoleName string = manifestSignerRole.name
