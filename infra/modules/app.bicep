// The function app and its settings. Every setting that shared/config.py reads stands here: a test insists.
//
// Two plans, since no statement was found that Flex Consumption exists outside the public cloud:
// `flex` takes its package from a container and its runtime from functionAppConfig (azure-docs:
// azure-functions/functions-app-settings.md, "Flex Consumption plan deprecations": the classic runtime settings
// are not used there). `premium` (EP1) runs without Azure Files, which would need an account key, and therefore
// from a package URL (azure-docs: azure-functions/storage-considerations.md, "Create an app without Azure Files");
// infra/hooks/publish-package.sh puts the package there.

param location string
param tags object
param appName string
param planName string

@allowed([
  'flex'
  'premium'
])
param plan string

@allowed([
  '3.11'
  '3.12'
])
param pythonVersion string
param maximumInstanceCount int
param identityId string
param identityClientId string
param packageContainer string
param blobEndpoint string
param queueEndpoint string
param tableEndpoint string
param evidenceBlobEndpoint string
param insightsConnectionString string

@description('Settings of the product that the template\'s user chooses, by name.')
param productSettings object

var flex = plan == 'flex'
var packageContainerUrl = '${blobEndpoint}${packageContainer}'
var flexSku = {
  name: 'FC1'
  tier: 'FlexConsumption'
}
var premiumSku = {
  name: 'EP1'
  tier: 'ElasticPremium'
}
var flexConfig = {
  deployment: {
    storage: {
      type: 'blobContainer'
      value: packageContainerUrl
      authentication: {
        type: 'UserAssignedIdentity'
        userAssignedIdentityResourceId: identityId
      }
    }
  }
  runtime: {
    name: 'python'
    version: pythonVersion
  }
  scaleAndConcurrency: {
    instanceMemoryMB: 2048
    maximumInstanceCount: maximumInstanceCount
  }
}
var flexSiteConfig = {
  minTlsVersion: '1.2'
}
var premiumSiteConfig = {
  minTlsVersion: '1.2'
  scmMinTlsVersion: '1.2'
  ftpsState: 'Disabled'
  http20Enabled: true
  linuxFxVersion: 'Python|${pythonVersion}'
  minimumElasticInstanceCount: 1
}
var premiumSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'python'
  WEBSITE_RUN_FROM_PACKAGE: '${packageContainerUrl}/app.zip'
  WEBSITE_RUN_FROM_PACKAGE_BLOB_MI_RESOURCE_ID: identityId
}
var settings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  AZURE_CLIENT_ID: identityClientId
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__clientId: identityClientId
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
  EVIDENCE_STORAGE__blobServiceUri: evidenceBlobEndpoint
  FIPSWARDEN_CLOUD: environment().name
}

resource hostingPlan 'Microsoft.Web/serverfarms@2023-12-01' = {
  name: planName
  location: location
  tags: tags
  kind: flex ? 'functionapp' : 'elastic'
  sku: flex ? flexSku : premiumSku
  properties: {
    reserved: true
    maximumElasticWorkerCount: flex ? null : min(maximumInstanceCount, 20)
  }
}

resource app 'Microsoft.Web/sites@2023-12-01' = {
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: hostingPlan.id
    httpsOnly: true
    // Event Grid can't deliver to a private endpoint (azure-docs: event-grid/consume-private-endpoints.md).
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identityId
    functionAppConfig: flex ? flexConfig : null
    siteConfig: flex ? flexSiteConfig : premiumSiteConfig
  }
}

resource appSettings 'Microsoft.Web/sites/config@2023-12-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, productSettings, flex ? {} : premiumSettings)
}

// Deployment takes Entra tokens; user name and password are off.
resource noBasicFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2023-12-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noBasicScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2023-12-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

output appId string = app.id
output appName string = app.name
output hostName string = app.properties.defaultHostName
