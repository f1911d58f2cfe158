package sdpconnection

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
)

// The keys of the Secret of spec.tokenSecretName, and the annotation that says which token is in it.
const (
	tokenSecretToken   = "access_token"
	tokenSecretExpires = "expires_at"
	tokenSecretURL     = "api_url"
	tokenAnnotation    = "lectern.dev/token" //nolint:gosec // the name of an annotation
)

// ensureTokenSecret keeps the access token in the Secret of spec.tokenSecretName, too.
func (p *pass) ensureTokenSecret(ctx context.Context) error {
	name := string(p.c.Spec.TokenSecretName)
	if name == "" {
		return nil
	}
	secret, err := p.getSecret(ctx, name)
	if err != nil {
		return err
	}
	owner := ownershipOf(secret, p.c)
	if owner == ownedByOthers {
		return secretForeign(name, "keeps the access token (spec.tokenSecretName)")
	}
	if id, _ := tokenOf(secret); owner == ownedByConnection && id == p.token.ID && len(secret.Data[tokenSecretToken]) > 0 {
		return p.recordTokenSecret(ctx)
	}
	if err := p.recordTokenSecret(ctx); err != nil {
		return err
	}
	access, err := p.openToken()
	if err != nil {
		return fmt.Errorf("open the token: %w", err)
	}
	annotations := map[string]string{tokenAnnotation: p.token.ID}
	data := map[string][]byte{
		tokenSecretToken:   []byte(access.Reveal()),
		tokenSecretExpires: []byte(p.token.ExpiresAt.UTC().Format(time.RFC3339)),
		tokenSecretURL:     []byte(connectionobject.APIURL(&p.c.Spec)),
	}
	if owner == ownedByNobody {
		_, err = p.createSecret(ctx, name, annotations, data)
	} else {
		_, err = p.applySecret(ctx, secret, annotations, data)
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		p.requeueWithin(time.Second)
		return nil
	}
	return err
}

// recordTokenSecret writes down which Secret is about to be made. None may be listed, so that nothing else would tell of one that the
// manifest does not name any more.
func (p *pass) recordTokenSecret(ctx context.Context) error {
	name := p.c.Spec.TokenSecretName
	if p.c.Status.TokenSecretName == name {
		return nil
	}
	err := p.Status.Record(ctx, p.before, p.c, func(o client.Object) { o.(*v1alpha1.SDPConnection).Status.TokenSecretName = name })
	if apierrors.IsConflict(err) {
		return failRetrying("", v1alpha1.ReasonContended, "other changes came first; trying again", time.Second)
	}
	return err
}

// deleteFormerTokenSecret deletes the Secret of a spec.tokenSecretName that was changed or removed, where it is the connection's.
func (p *pass) deleteFormerTokenSecret(ctx context.Context) error {
	former := p.c.Status.TokenSecretName
	if former == "" || former == p.c.Spec.TokenSecretName {
		return nil
	}
	secret, err := p.getSecret(ctx, string(former))
	if err != nil {
		return err
	}
	if _, hasToken := tokenOf(secret); hasToken && ownershipOf(secret, p.c) == ownedByConnection {
		if err := p.deleteSecret(ctx, secret); err != nil {
			return err
		}
		p.Status.RecordEvent(p.c, corev1.EventTypeNormal, v1alpha1.ReasonTokenSecretDeleted, fmt.Sprintf(
			"deleted Secret %s with the access token, which spec.tokenSecretName names no more", former))
	}
	p.c.Status.TokenSecretName = ""
	return nil
}

// tokenOf returns which token a Secret says it has.
func tokenOf(secret *corev1.Secret) (id string, has bool) {
	if secret == nil {
		return "", false
	}
	id, has = secret.Annotations[tokenAnnotation]
	return id, has
}
