// Lets the app see which subscriptions are below one management group: needed only where the policy's scope names
// it. Deployed at that group by whoever may assign roles there, with `az deployment mg create` (docs/security.md):
// infra/main.bicep is a deployment of a subscription, from which Azure Resource Manager reaches management groups
// by way of the tenant alone (azure-docs: azure-resource-manager/bicep/deploy-to-subscription.md, "deployment scopes"),
// and that wants rights at the root.

targetScope = 'managementGroup'

@minLength(1)
@maxLength(64)
@description('Name of the azd environment; it stands in the role\'s name.')
param environmentName string

@description('Object id of the app\'s identity: FIPSWARDEN_APP_PRINCIPAL_ID, as infra/main.bicep put it out.')
param principalId string

module scopeReader 'modules/scope-reader.bicep' = {
  name: 'fipswarden-scope-reader'
  params: {
    environmentName: environmentName
    principalId: principalId
  }
}
