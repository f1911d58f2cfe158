package sdpconnection

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lectern-dev/lectern/internal/connectionobject"
)

// The keys of the Secret of spec.tokenSecretName, and the annotation that says which token is in it.
const (
	tokenSecretToken   = "access_token"
	tokenSecretExpires = "expires_at"
	tokenSecretURL     = "api_url"
	tokenAnnotation    = "lectern.dev/token" //nolint:gosec // the name of an annotation
)

// keepTokenSecret keeps the access token in the Secret of spec.tokenSecretName, too.
func (p *pass) keepTokenSecret(ctx context.Context) error {
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
	if owner == ownedByConnection && secret.Annotations[tokenAnnotation] == p.token.ID && len(secret.Data[tokenSecretToken]) > 0 {
		return nil
	}
	access, err := p.access()
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
		p.comeBack(time.Second)
		return nil
	}
	return err
}
