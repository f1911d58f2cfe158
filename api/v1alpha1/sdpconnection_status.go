package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SDPConnectionStatus is how a connection stands, as the controller last saw it. No secret is ever in it.
type SDPConnectionStatus struct {
	// observedGeneration is the generation this status speaks of; -1 before the first reconcile.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// controller is who reconciles the object: namespace and name of the Lease it leads by, as
	// lectern-system/lectern-controller. Every other controller leaves the object, its rows and its finalizer
	// alone. lectern release clears it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Controller string `json:"controller,omitempty"`

	// mode is the one in force: ReadOnly unless the spec says otherwise.
	// +optional
	Mode AccessMode `json:"mode,omitempty"`

	// token is the access token in use. Edition OnPremises has none.
	// +optional
	Token *TokenStatus `json:"token,omitempty"`

	// tokenSecretName is the Secret that Lectern made for spec.tokenSecretName; it is deleted when the spec names it no more.
	// +optional
	TokenSecretName ObjectName `json:"tokenSecretName,omitempty"`

	// lookups are the lists that were read.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Lookups []LookupStatus `json:"lookups,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation lectern.dev/requestedAt that was
	// acted on.
	// +optional
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// conditions are Ready, CredentialsValid, TokenFresh and LookupsFresh, and Reconciling or Stalled while true.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// TokenStatus is how long an access token lives.
type TokenStatus struct {
	// expiresAt is when it expires unless it is refreshed.
	// +optional
	ExpiresAt *metav1.Time `json:"expiresAt,omitempty"`
	// lastRefreshAt is when it was got.
	// +optional
	LastRefreshAt *metav1.Time `json:"lastRefreshAt,omitempty"`
}

// LookupStatus is a list that was read.
type LookupStatus struct {
	// type is what it lists, such as priorities.
	// +required
	Type string `json:"type"`
	// entries is how many it has.
	// +required
	Entries int32 `json:"entries"`
	// refreshedAt is when it was read last.
	// +optional
	RefreshedAt *metav1.Time `json:"refreshedAt,omitempty"`
}

// Observe stamps status.observedGeneration.
func (c *SDPConnection) Observe(generation int64) { c.Status.ObservedGeneration = generation }

// Controller points to status.controller.
func (c *SDPConnection) Controller() *string { return &c.Status.Controller }

// Conditions points to status.conditions.
func (c *SDPConnection) Conditions() *[]metav1.Condition { return &c.Status.Conditions }
