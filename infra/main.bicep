// fipswarden in one subscription, looking after the clusters of one or many. Deployed by `azd up`; the event
// subscriptions follow in infra/events.bicep, since they need the function to exist first.

targetScope = 'subscription'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; it stands in every name.')
param environmentName string

@minLength(1)
@description('Region of everything that has one.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Name of the resource group; empty: rg-<environment>.')
param resourceGroupName string = ''

@description('Hosting plan: flex (Flex Consumption) or premium (EP1), for clouds and regions without Flex.')
@allowed([
  'flex'
  'premium'
])
param plan string = 'flex'

@allowed([
  '3.11'
  '3.12'
])
param pythonVersion string = '3.11'

@minValue(1)
@maxValue(1000)
@description('How many instances the app may scale out to.')
param maximumInstanceCount int = 40

@description('Subscription ids to look after, separated by commas; empty: the one deployed to.')
param subscriptions string = ''

@description('Whether the app gets the role that changes node pools. False: it can only look.')
param allowRemediation bool = false

@description('Whether the app gets the role that reads what runs on the nodes: SMB volumes, budgets, the monitoring agent.')
param allowWorkloadReading bool = true

@description('Whether the app gets the role that proves nodes by pods (levels kernel and host, Windows).')
param allowNodePods bool = false

@description('Whether the app gets the role for AKS run command: the way into clusters whose API server it cannot reach.')
param allowRunCommand bool = false

@description('Whether the app gets the roles that drain and delete node pools: what strategy `replace` needs.')
param allowReplacement bool = false

@description('Whether an Event Grid system topic is made in each watched subscription.')
param events bool = true

@description('Whether undeliverable events are kept, by an identity of the system topics.')
param deadLetters bool = true

@description('Whether a topic is made that alerts are published to.')
param alertTopic bool = false

@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageRedundancy string = 'Standard_LRS'

@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param evidenceRedundancy string = 'Standard_GRS'

@minValue(1)
@maxValue(146000)
@description('Days that an evidence record or a snapshot cannot be changed or deleted; 18 months are at most 550.')
param evidenceRetentionDays int = 550

@description('True once the immutability policies have been locked by hand: they are then left alone.')
param evidencePolicyLocked bool = false

@description('Whether a vault is made with a key that signs the daily manifests of evidence.')
param manifestSigning bool = true

@description('standard: that key is protected by software; premium: it is made in an HSM.')
@allowed([
  'standard'
  'premium'
])
param manifestVaultSku string = 'standard'

@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Where the policy lies: file:<path in the package> or blob:<container>/<name>.')
param policy string = ''

@description('Where the exemptions lie, in the same way; empty: there are none.')
param exemptions string = ''

@description('NCRONTAB of the look at the whole fleet, UTC.')
param resyncSchedule string = ''

@description('NCRONTAB of the daily digest, UTC.')
param dailySchedule string = ''

@description('Seconds after which a look begins nothing any more.')
param lookDeadlineSeconds string = ''

@description('Seconds between two questions after a running operation.')
param operationPollSeconds string = ''

@description('Vault with the secret that holds the Teams Workflow\'s URL; empty: no Teams.')
param teamsVaultName string = ''

@description('Resource group of that vault, in this subscription.')
param teamsVaultResourceGroup string = ''

@description('Name of that secret.')
param teamsSecretName string = ''

param smtpHost string = ''
param smtpPort string = ''
param smtpStarttls string = ''
param mailFrom string = ''

@description('Addresses, separated by commas.')
param mailTo string = ''

var abbreviations = loadJsonContent('abbreviations.json')
var token = uniqueString(subscription().id, environmentName, location)
var tags = {
  'azd-env-name': environmentName
}
var groupName = empty(resourceGroupName) ? '${abbreviations.resourcesResourceGroups}${environmentName}' : resourceGroupName
var eventsGroupName = '${abbreviations.resourcesResourceGroups}${environmentName}-events'
var systemTopicName = '${abbreviations.eventGridSystemTopics}fipswarden-${token}'
var storageName = '${abbreviations.storageStorageAccounts}${token}'
var evidenceName = '${abbreviations.storageStorageAccounts}ev${token}'
var ownSubscription = [
  toLower(subscription().subscriptionId)
]
var watched = empty(subscriptions) ? ownSubscription : split(replace(toLower(subscriptions), ' ', ''), ',')
var packageContainer = 'app-package'
var deadLetterContainer = 'event-dead-letters'
var teams = !empty(teamsVaultName)
var teamsSecretUri = 'https://${teamsVaultName}${environment().suffixes.keyvaultDns}/secrets/${teamsSecretName}'
var productSettings = {
  ALERT_TOPIC_ENDPOINT: alertTopic ? topic.outputs.endpoint : ''
  DAILY_SCHEDULE: empty(dailySchedule) ? '0 0 6 * * *' : dailySchedule
  FIPSWARDEN_EXEMPTIONS: exemptions
  FIPSWARDEN_MANIFEST_KEY: manifestSigning ? manifestKey.outputs.keyUri : ''
  FIPSWARDEN_POLICY: empty(policy) ? 'file:policy.yaml' : policy
  FIPSWARDEN_SUBSCRIPTIONS: join(watched, ',')
  LOOK_DEADLINE_SECONDS: empty(lookDeadlineSeconds) ? '240' : lookDeadlineSeconds
  MAIL_FROM: mailFrom
  MAIL_TO: mailTo
  OPERATION_POLL_SECONDS: empty(operationPollSeconds) ? '30' : operationPollSeconds
  RESYNC_SCHEDULE: empty(resyncSchedule) ? '0 0 * * * *' : resyncSchedule
  SMTP_HOST: smtpHost
  SMTP_PORT: empty(smtpPort) ? '587' : smtpPort
  SMTP_STARTTLS: empty(smtpStarttls) ? 'true' : smtpStarttls
  TEAMS_WEBHOOK_URL: teams ? '@Microsoft.KeyVault(SecretUri=${teamsSecretUri})' : ''
}

resource group 'Microsoft.Resources/resourceGroups@2022-09-01' = {
  name: groupName
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  name: 'fipswarden-identities'
  scope: group
  params: {
    location: location
    tags: tags
    appIdentityName: '${abbreviations.managedIdentityUserAssignedIdentities}fipswarden-app-${token}'
    eventsIdentityName: '${abbreviations.managedIdentityUserAssignedIdentities}fipswarden-events-${token}'
  }
}

module roles 'modules/roles.bicep' = {
  name: 'fipswarden-roles-${token}'
  params: {
    environmentName: environmentName
    watched: watched
    allowRemediation: allowRemediation
    allowWorkloadReading: allowWorkloadReading
    allowNodePods: allowNodePods
    allowRunCommand: allowRunCommand
    allowReplacement: allowReplacement
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'fipswarden-monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceName: '${abbreviations.operationalInsightsWorkspaces}fipswarden-${token}'
    componentName: '${abbreviations.insightsComponents}fipswarden-${token}'
    appPrincipalId: identities.outputs.appPrincipalId
    retentionInDays: logRetentionDays
  }
}

module appStorage 'modules/app-storage.bicep' = {
  name: 'fipswarden-app-storage'
  scope: group
  params: {
    accountName: storageName
    location: location
    tags: tags
    redundancy: storageRedundancy
    packageContainer: packageContainer
    deadLetterContainer: deadLetterContainer
    appPrincipalId: identities.outputs.appPrincipalId
    eventsPrincipalId: identities.outputs.eventsPrincipalId
  }
}

module evidenceStorage 'modules/evidence-storage.bicep' = {
  name: 'fipswarden-evidence-storage'
  scope: group
  params: {
    accountName: evidenceName
    location: location
    tags: tags
    redundancy: evidenceRedundancy
    retentionInDays: evidenceRetentionDays
    policyLocked: evidencePolicyLocked
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identities.outputs.appPrincipalId
    writerRoleName: roles.outputs.evidenceWriterRoleName
  }
}

module manifestKey 'modules/manifest-key.bicep' = if (manifestSigning) {
  name: 'fipswarden-manifest-key'
  scope: group
  params: {
    vaultName: '${abbreviations.keyVaultVaults}${token}'
    location: location
    tags: tags
    sku: manifestVaultSku
    appPrincipalId: identities.outputs.appPrincipalId
    signerRoleName: roles.outputs.manifestSignerRoleName
    workspaceId: monitoring.outputs.workspaceId
  }
}

module topic 'modules/alert-topic.bicep' = if (alertTopic) {
  name: 'fipswarden-alert-topic'
  scope: group
  params: {
    name: '${abbreviations.eventGridTopics}fipswarden-${token}'
    location: location
    tags: tags
    appPrincipalId: identities.outputs.appPrincipalId
  }
}

module teamsSecret 'modules/secret-access.bicep' = if (teams) {
  name: 'fipswarden-teams-secret'
  scope: resourceGroup(teams ? teamsVaultResourceGroup : groupName)
  params: {
    vaultName: teamsVaultName
    secretName: teamsSecretName
    principalId: identities.outputs.appPrincipalId
  }
}

module app 'modules/app.bicep' = {
  name: 'fipswarden-app'
  scope: group
  params: {
    location: location
    tags: tags
    appName: '${abbreviations.webSitesFunctions}fipswarden-${token}'
    planName: '${abbreviations.webServerFarms}fipswarden-${token}'
    plan: plan
    pythonVersion: pythonVersion
    maximumInstanceCount: maximumInstanceCount
    identityId: identities.outputs.appIdentityId
    identityClientId: identities.outputs.appClientId
    packageContainer: packageContainer
    blobEndpoint: appStorage.outputs.blobEndpoint
    queueEndpoint: appStorage.outputs.queueEndpoint
    tableEndpoint: appStorage.outputs.tableEndpoint
    evidenceBlobEndpoint: evidenceStorage.outputs.blobEndpoint
    insightsConnectionString: monitoring.outputs.connectionString
    productSettings: productSettings
  }
}

module watchedSubscriptions 'modules/watched-subscription.bicep' = [for id in watched: {
  name: 'fipswarden-watched-${token}'
  scope: subscription(id)
  params: {
    location: location
    tags: tags
    principalId: identities.outputs.appPrincipalId
    readerRoleName: roles.outputs.readerRoleName
    nodeReaderRoleName: roles.outputs.nodeReaderRoleName
    remediatorRoleName: roles.outputs.remediatorRoleName
    workloadReaderRoleName: roles.outputs.workloadReaderRoleName
    nodeProverRoleName: roles.outputs.nodeProverRoleName
    runCommandRoleName: roles.outputs.runCommandRoleName
    poolDeleterRoleName: roles.outputs.poolDeleterRoleName
    nodeDrainerRoleName: roles.outputs.nodeDrainerRoleName
    allowRemediation: allowRemediation
    allowWorkloadReading: allowWorkloadReading
    allowNodePods: allowNodePods
    allowRunCommand: allowRunCommand
    allowReplacement: allowReplacement
    events: events
    eventsResourceGroupName: eventsGroupName
    systemTopicName: systemTopicName
    deadLetters: deadLetters
    eventsIdentityId: identities.outputs.eventsIdentityId
  }
}]

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.appName
output FIPSWARDEN_APP_PRINCIPAL_ID string = identities.outputs.appPrincipalId
output FIPSWARDEN_FUNCTION_APP_ID string = app.outputs.appId
output FIPSWARDEN_HEALTH_URL string = 'https://${app.outputs.hostName}/api/health'
output FIPSWARDEN_CLOUD string = environment().name
output FIPSWARDEN_WATCHED string = join(watched, ',')
output FIPSWARDEN_PACKAGE_URL string = '${appStorage.outputs.blobEndpoint}${packageContainer}/app.zip'
output FIPSWARDEN_STORAGE_ACCOUNT string = storageName
output FIPSWARDEN_EVIDENCE_ACCOUNT string = evidenceName
output FIPSWARDEN_EVENTS_RESOURCE_GROUP string = eventsGroupName
output FIPSWARDEN_SYSTEM_TOPIC string = systemTopicName
output FIPSWARDEN_EVENTS_IDENTITY_ID string = identities.outputs.eventsIdentityId
output FIPSWARDEN_DEAD_LETTER_ACCOUNT_ID string = appStorage.outputs.accountId
output FIPSWARDEN_DEAD_LETTER_CONTAINER string = deadLetterContainer
