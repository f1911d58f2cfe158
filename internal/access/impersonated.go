package access

import (
	"slices"
	"strings"
)

// NewImpersonated returns the identity a name stands for without a token, as kubectl --as does it: a ServiceAccount is in the
// groups of its kind and of its namespace, and everybody was authenticated.
func NewImpersonated(subject string, groups []string) Identity {
	identity := Identity{Subject: subject, Proof: ProofNone}
	if namespace := identity.Namespace(); namespace != "" {
		identity.Groups = append(identity.Groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	}
	for _, group := range append(slices.Clone(groups), authenticatedGroup) {
		if group = strings.TrimSpace(group); !slices.Contains(identity.Groups, group) {
			identity.Groups = append(identity.Groups, group)
		}
	}
	return identity
}
