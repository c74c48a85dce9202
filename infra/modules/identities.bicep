// Two identities, so that Event Grid never holds a right of the app's: one for the app, one that Event Grid
// writes dead letters with.

param location string
param tags object
param appIdentityName string
param eventsIdentityName string

resource appIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: appIdentityName
  location: location
  tags: tags
}

resource eventsIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: eventsIdentityName
  location: location
  tags: tags
}

output appIdentityId string = appIdentity.id
output appPrincipalId string = appIdentity.properties.principalId
output appClientId string = appIdentity.properties.clientId
output eventsIdentityId string = eventsIdentity.id
output eventsPrincipalId string = eventsIdentity.properties.principalId
