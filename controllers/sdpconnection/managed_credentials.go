package sdpconnection

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

const (
	// connectionAnnotation names the connection that a managed Secret is of.
	connectionAnnotation = "lectern.dev/connection"
	// spentCodesAnnotation has the digests of grant codes that were sent, the last one last.
	spentCodesAnnotation = "lectern.dev/spent-grant-codes"
	// codeAnnotation has the digest of the code that the refresh token was got for.
	codeAnnotation = "lectern.dev/grant-code"
	// outcomeAnnotation says in our words what became of the last exchange.
	outcomeAnnotation = "lectern.dev/exchange-outcome"

	// maxSpentCodes is how many digests are kept.
	maxSpentCodes = 16
)

// managedCredentials are what the controller keeps of a connection, in a Secret of its own.
type managedCredentials struct {
	clientID     string
	refreshToken redact.Secret
	// code is the digest of what the refresh token was got for, spent are those of all codes that were sent.
	code    string
	spent   []string
	outcome string
}

func managedName(c *v1alpha1.SDPConnection) string { return c.Name + v1alpha1.ManagedCredentialsSuffix }

func (m managedCredentials) isSpent(code string) bool { return slices.Contains(m.spent, code) }

// withSpent returns the credentials with a code as the last one that was sent.
func (m managedCredentials) withSpent(code string) managedCredentials {
	m.spent = append(slices.Clone(m.spent), code)
	m.spent = m.spent[max(0, len(m.spent)-maxSpentCodes):]
	m.outcome = ""
	return m
}

// withoutSpent returns the credentials without a code that turned out not to have been sent.
func (m managedCredentials) withoutSpent(code, outcome string) managedCredentials {
	m.spent = slices.DeleteFunc(slices.Clone(m.spent), func(spent string) bool { return spent == code })
	m.outcome = outcome
	return m
}

// readManaged returns what a managed Secret says; nil is one that is not there.
func readManaged(secret *corev1.Secret) managedCredentials {
	if secret == nil {
		return managedCredentials{}
	}
	return managedCredentials{
		clientID:     string(secret.Data[v1alpha1.CredentialClientID]),
		refreshToken: redact.NewSecret(string(secret.Data[v1alpha1.CredentialRefreshToken])),
		code:         secret.Annotations[codeAnnotation],
		spent:        strings.FieldsFunc(secret.Annotations[spentCodesAnnotation], func(r rune) bool { return r == ',' }),
		outcome:      secret.Annotations[outcomeAnnotation],
	}
}

func (m managedCredentials) data() map[string][]byte {
	if m.refreshToken.IsZero() {
		return nil
	}
	return map[string][]byte{
		v1alpha1.CredentialClientID:     []byte(m.clientID),
		v1alpha1.CredentialRefreshToken: []byte(m.refreshToken.Reveal()),
	}
}

// annotations always has all of them: what is absent from one that is applied would be removed.
func (m managedCredentials) annotations() map[string]string {
	return map[string]string{codeAnnotation: m.code, spentCodesAnnotation: strings.Join(m.spent, ","), outcomeAnnotation: m.outcome}
}

// ownership is whose a Secret is that the controller wants to write.
type ownership int

const (
	// ownedByNobody: it is not there.
	ownedByNobody ownership = iota
	// ownedByConnection: it is this object's.
	ownedByConnection
	// ownedByPredecessor: it is of an object of this name that is gone.
	ownedByPredecessor
	// ownedByOthers: it is somebody else's, and is left alone.
	ownedByOthers
)

// ownershipOf decides whose a Secret is, nil being one that is not there. The object of the name is c, so that another UID with
// this name is of one that is gone: created again, or restored.
func ownershipOf(secret *corev1.Secret, c *v1alpha1.SDPConnection) ownership {
	switch {
	case secret == nil:
		return ownedByNobody
	case secret.Labels[v1alpha1.ManagedByLabel] != v1alpha1.ManagedByController:
		return ownedByOthers
	case slices.ContainsFunc(secret.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == c.UID }):
		return ownedByConnection
	case secret.Annotations[connectionAnnotation] != connectionobject.KeyOf(c).String():
		return ownedByOthers
	case slices.ContainsFunc(secret.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.Kind != v1alpha1.SDPConnectionKind || o.Name != c.Name
	}):
		return ownedByOthers
	}
	return ownedByPredecessor
}
