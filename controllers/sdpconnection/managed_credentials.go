package sdpconnection

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
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
)

func managedName(c *v1alpha1.SDPConnection) string { return c.Name + v1alpha1.ManagedCredentialsSuffix }

// readManaged returns what a managed Secret says; nil is one that is not there.
func readManaged(secret *corev1.Secret) connectionlogin.Kept {
	if secret == nil {
		return connectionlogin.Kept{}
	}
	return connectionlogin.Kept{
		ClientID:     string(secret.Data[v1alpha1.CredentialClientID]),
		RefreshToken: redact.NewSecret(string(secret.Data[v1alpha1.CredentialRefreshToken])),
		Code:         secret.Annotations[codeAnnotation],
		Spent:        strings.FieldsFunc(secret.Annotations[spentCodesAnnotation], func(r rune) bool { return r == ',' }),
		Outcome:      secret.Annotations[outcomeAnnotation],
	}
}

// managedData returns what the data of a managed Secret is to be.
func managedData(kept connectionlogin.Kept) map[string][]byte {
	if kept.RefreshToken.IsZero() {
		return nil
	}
	return map[string][]byte{
		v1alpha1.CredentialClientID:     []byte(kept.ClientID),
		v1alpha1.CredentialRefreshToken: []byte(kept.RefreshToken.Reveal()),
	}
}

// managedAnnotations always has all of them: what is absent from one that is applied would be removed.
func managedAnnotations(kept connectionlogin.Kept) map[string]string {
	return map[string]string{codeAnnotation: kept.Code, spentCodesAnnotation: strings.Join(kept.Spent, ","), outcomeAnnotation: kept.Outcome}
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
