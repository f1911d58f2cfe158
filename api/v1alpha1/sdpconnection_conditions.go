package v1alpha1

// Names on objects that belong to connections.
const (
	// SDPConnectionFinalizer holds an SDPConnection until its tokens are revoked and its rows are gone.
	SDPConnectionFinalizer = "lectern.dev/sdpconnection"

	// SDPCredentialsSecretType is the type of the Secret that spec.credentials names.
	SDPCredentialsSecretType = "lectern.dev/sdp-credentials" //nolint:gosec // a type, and no credential

	// ManagedCredentialsSuffix behind the name of a connection is the name of the Secret in which the controller keeps a
	// refresh token that it got for a grant code.
	ManagedCredentialsSuffix = "-lectern-credentials" //nolint:gosec // a name, and no credential
)

// Keys of a Secret of type SDPCredentialsSecretType.
const (
	// CredentialClientID and CredentialClientSecret are of the OAuth client; edition Cloud.
	CredentialClientID     = "client_id"
	CredentialClientSecret = "client_secret"
	// CredentialRefreshToken beats CredentialGrantCode where both are given; edition Cloud.
	CredentialRefreshToken = "refresh_token"
	// CredentialGrantCode is exchanged for a refresh token once; edition Cloud.
	CredentialGrantCode = "grant_code"
	// CredentialAPIKey is of a technician; edition OnPremises.
	CredentialAPIKey = "api_key"
)

// Condition types of SDPConnections beside Ready, Reconciling and Stalled.
const (
	// ConditionCredentialsValid is True while the Secret has what is wanted and ServiceDesk Plus takes it.
	ConditionCredentialsValid = "CredentialsValid"
	// ConditionTokenFresh is True while there is a token, or an API key, that servers can use.
	ConditionTokenFresh = "TokenFresh"
	// ConditionLookupsFresh is True while no list is older than spec.lookups.refreshInterval. Ready does not depend on it.
	ConditionLookupsFresh = "LookupsFresh"
)

// Reasons of an SDPConnection's conditions. ReasonSuspended, ReasonInvalidSpec and those about the store are Prompt's, too.
const (
	// ReasonConnected: there is a token, and a call with it was answered.
	ReasonConnected = "Connected"
	// ReasonProgressing: nothing is wrong, and something is still to be done.
	ReasonProgressing = "Progressing"

	// ReasonSecretMissing: the Secret of spec.credentials is not there.
	ReasonSecretMissing = "SecretMissing"
	// ReasonSecretInvalid: that Secret has another type, or lacks a key.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonSecretForeign: a Secret that Lectern would write is somebody else's.
	ReasonSecretForeign = "SecretForeign"
	// ReasonCABundleMissing: the ConfigMap of spec.caBundle, or its key, is not there.
	ReasonCABundleMissing = "CABundleMissing"
	// ReasonCABundleInvalid: what is there is no certificate.
	ReasonCABundleInvalid = "CABundleInvalid"
	// ReasonNamespaceNotAllowed: the installation serves no connections of this namespace.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonHostNotAllowed: the installation does not let credentials go to this host.
	ReasonHostNotAllowed = "HostNotAllowed"

	// ReasonClientRefused: the accounts server does not take the client id or the client secret.
	ReasonClientRefused = "ClientRefused"
	// ReasonGrantCodeNeeded: the grant code is spent or expired; a new one, or a refresh token, is needed.
	ReasonGrantCodeNeeded = "GrantCodeNeeded"
	// ReasonTokenRevoked: the accounts server does not take the refresh token.
	ReasonTokenRevoked = "TokenRevoked"
	// ReasonAPIKeyRefused: the server does not take the API key.
	ReasonAPIKeyRefused = "APIKeyRefused"
	// ReasonScopeMissing: the token lacks OAuth scopes that a toolset needs; the message names them.
	ReasonScopeMissing = "ScopeMissing"
	// ReasonCredentialsAccepted: ServiceDesk Plus takes what the Secret has.
	ReasonCredentialsAccepted = "CredentialsAccepted"

	// ReasonTokenRefreshed: the access token is new enough.
	ReasonTokenRefreshed = "TokenRefreshed"
	// ReasonTokenExpired: there is no access token that servers can use.
	ReasonTokenExpired = "TokenExpired"
	// ReasonAPIKeySealed: servers have the API key, which does not expire.
	ReasonAPIKeySealed = "APIKeySealed"
	// ReasonRefreshBudgetSpent: as many tokens were asked for as are allowed in ten minutes.
	ReasonRefreshBudgetSpent = "RefreshBudgetSpent"
	// ReasonAccountsUnavailable: the accounts server does not answer, or not as it should.
	ReasonAccountsUnavailable = "AccountsUnavailable"
	// ReasonServiceDeskUnavailable: ServiceDesk Plus does not answer, or not as it should.
	ReasonServiceDeskUnavailable = "ServiceDeskUnavailable"
	// ReasonRateLimited: ServiceDesk Plus refuses calls because there were too many.
	ReasonRateLimited = "RateLimited"
	// ReasonSealKeyMissing: the controller has no key to seal tokens with.
	ReasonSealKeyMissing = "SealKeyMissing"

	// ReasonLookupsRefreshed: every list is new enough.
	ReasonLookupsRefreshed = "LookupsRefreshed"
	// ReasonLookupsPending: some lists were never read, or are due.
	ReasonLookupsPending = "LookupsPending"
	// ReasonLookupsFailed: some lists cannot be read; the message names them.
	ReasonLookupsFailed = "LookupsFailed"

	// ReasonTokenSecretDeleted: the Secret with the access token is gone, since the spec names it no more. It is of events.
	ReasonTokenSecretDeleted = "TokenSecretDeleted"
	// ReasonRevoked: a deleted connection's tokens were revoked. ReasonRevocationFailed: they were not. Both are of events.
	ReasonRevoked          = "Revoked"
	ReasonRevocationFailed = "RevocationFailed"
)
