// The events of this subscription's resources. Azure allows one such topic per subscription: where there is one
// already, leave the subscription out with FIPSWARDEN_EVENTS=false (azure-docs: event-grid/system-topics.md).

param name string
param tags object
param deadLetters bool

@description('Identity that writes dead letters. Topics of global sources may have one since 2021-11 (azure-docs: event-grid/enable-identity-system-topics.md).')
param identityId string

var noIdentity = {
  type: 'None'
}
var deadLetterIdentity = {
  type: 'UserAssigned'
  userAssignedIdentities: {
    '${identityId}': {}
  }
}

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' = {
  name: name
  location: 'global'
  tags: tags
  identity: deadLetters ? deadLetterIdentity : noIdentity
  properties: {
    source: subscription().id
    topicType: 'Microsoft.Resources.Subscriptions'
  }
}
