package access

import (
	"strings"
	"time"
)

// Proof is how a caller was proven to be who they are.
type Proof string

// The proofs. ProofNone is a person who started a program of their own, whom nobody asked.
const (
	ProofKubernetes Proof = "kubernetes"
	ProofOIDC       Proof = "oidc"
	ProofNone       Proof = "none"
)

// Identity is the authenticated caller, as Kubernetes knows users.
type Identity struct {
	// Subject is the name of the user, unique within its proof: "system:serviceaccount:support:triage", "local:anna".
	Subject string
	// UID of the user; empty where the proof has none.
	UID string
	// Groups the caller belongs to, with "system:authenticated" for whoever was proven: a review without it denies what a
	// binding to that group allows.
	Groups []string
	// Extra is what the authenticator says beside that, by key, as a review wants it.
	Extra map[string][]string
	// Email is an address that the proof says is verified; empty where there is none. It gives no rights.
	Email string
	// OIDCClient is the client that a token was issued to (azp, or client_id of RFC 9068); empty where the proof has none. It gives no
	// rights.
	OIDCClient string
	// Proof is how the caller was proven.
	Proof Proof
	// Expires is when the token does; zero where there is none.
	Expires time.Time
}

// Namespace returns that of a ServiceAccount, and nothing for anybody else.
func (i Identity) Namespace() string {
	account, is := strings.CutPrefix(i.Subject, "system:serviceaccount:")
	if !is {
		return ""
	}
	namespace, _, _ := strings.Cut(account, ":")
	return namespace
}
