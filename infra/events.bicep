// The event subscriptions: after the code was deployed, since Event Grid wants the function to exist. The hook
// infra/hooks/postdeploy deploys this with what infra/main.bicep put out. It is a template and not a command,
// because `az eventgrid system-topic event-subscription create` has no argument for dead letters by identity
// (Azure/azure-cli#26910).

targetScope = 'subscription'

@description('Subscription ids, separated by commas.')
param watched string

@description('Resource id of the function app.')
param functionAppId string
param eventsResourceGroupName string
param systemTopicName string
param deadLetters bool = true
param deadLetterAccountId string
param deadLetterContainer string
param identityId string

module eventSubscriptions 'modules/event-subscription.bicep' = [for id in split(watched, ','): {
  name: 'fipswarden-pool-events'
  scope: resourceGroup(id, eventsResourceGroupName)
  params: {
    systemTopicName: systemTopicName
    functionId: '${functionAppId}/functions/pool_events'
    deadLetters: deadLetters
    deadLetterAccountId: deadLetterAccountId
    deadLetterContainer: deadLetterContainer
    identityId: identityId
  }
}]
