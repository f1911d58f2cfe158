package sdpconnection

import (
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// needsCall decides whether a call has to show that the token is good. One that replaced another of the same refresh token, while
// everything was well, is as good as that was; and what the status speaks of was shown before it was written.
func needsCall(c *v1alpha1.SDPConnection, before, now *store.StoredToken) bool {
	switch {
	case !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) || c.Status.ObservedGeneration != c.Generation:
		return true
	case before == nil || before.Fingerprint != now.Fingerprint:
		return true
	}
	spokenOf := c.Status.Token
	return spokenOf == nil || spokenOf.LastRefreshAt == nil || spokenOf.LastRefreshAt.Unix() != before.IssuedAt.Unix()
}
