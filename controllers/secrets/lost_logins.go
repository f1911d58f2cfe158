package secrets

import (
	"context"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/store"
)

// wantSecret returns the Secret as it has to be there. Where passwords are changed it is made of those that roles have: what servers were
// told is still in the folders that they have mounted, and a Secret with another password would take that from them.
func (r *Rotation) wantSecret() Wanted {
	secret := r.Wanted
	if r.Interval > 0 {
		secret.Make = r.makeFromLogins
	}
	return secret
}

// makeFromLogins returns what the Secret has to say where there is none. The role that servers were told last is the one in use again,
// if that is known and logs in, and an interval begins: no role gets another password before servers had the time to learn of it. Where
// one role alone logs in, it is that one, and a person gives the other the password that is noted for it. Where none does, the error
// wraps store.ErrLoginRefused.
func (r *Rotation) makeFromLogins(ctx context.Context) (map[string][]byte, map[string]string, error) {
	candidates, err := r.listCandidates(ctx)
	if err != nil {
		return nil, nil, err
	}
	active, idle := r.Roles[0], r.Roles[1]
	if r.known.active.role == idle {
		active, idle = idle, active
	}
	first, firstErr := r.findLogin(ctx, active, candidates)
	second, secondErr := r.findLogin(ctx, idle, candidates)
	for _, err := range []error{firstErr, secondErr} {
		if err != nil && !errors.Is(err, store.ErrLoginRefused) {
			return nil, nil, err
		}
	}
	switch {
	case firstErr != nil && secondErr != nil:
		return nil, nil, fmt.Errorf("neither role %q nor %q logs in with a password that is known, and servers go on with those they have mounted; "+
			"give both roles the passwords that the Secret of --server-first-passwords-secret has, or that of --trial-secret: %w", active, idle, firstErr)
	case firstErr != nil:
		first, second = second, first
	}
	return map[string][]byte{
		ServerUser: []byte(first.role), ServerPassword: []byte(first.password), idlePassword: []byte(second.password),
	}, map[string]string{changedAtAnnotation: formatTime(r.Clock.Now())}, nil
}

// listCandidates returns what roles may log in with, the likelier first: what the Secret said last, and the first passwords.
func (r *Rotation) listCandidates(ctx context.Context) ([]login, error) {
	var candidates []login
	if known := r.known; known.active.role != "" {
		candidates = append(candidates, known.active)
		if known.next != "" {
			candidates = append(candidates, login{known.idle.role, known.next})
		}
		candidates = append(candidates, known.idle)
	}
	first, _, err := r.Wanted.Make(ctx)
	if err == nil {
		return append(candidates, login{r.Roles[0], string(first[ServerPassword])}, login{r.Roles[1], string(first[idlePassword])}), nil
	}
	if len(candidates) > 0 { // nobody has to keep the first passwords
		return candidates, nil
	}
	return nil, err
}

// findLogin returns the first candidate by which a role logs in. Where there is none, it returns the last one, and an error that wraps
// store.ErrLoginRefused.
func (r *Rotation) findLogin(ctx context.Context, role string, candidates []login) (found login, err error) {
	for _, candidate := range candidates {
		if candidate.role != role {
			continue
		}
		found = candidate
		if err = r.Database.CheckLogin(ctx, found.role, found.password); !errors.Is(err, store.ErrLoginRefused) {
			return found, err
		}
	}
	return found, err
}
