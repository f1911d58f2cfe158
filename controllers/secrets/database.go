package secrets

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// The keys of the trial database's Secret. The last two are also those of an installer's Secret with first passwords.
const (
	SuperuserPassword = "postgres-password"
	OwnerPassword     = "owner-password"
	ServerAPassword   = "server-a-password"
	ServerBPassword   = "server-b-password"
)

// The keys of the Secret that servers log in with. They are mounted with the first two; the others are the rotation's.
const (
	ServerUser     = "user"
	ServerPassword = "password"
	// idlePassword is that of the role that is not in use.
	idlePassword = "idle-password"
	// nextPassword is what the role that is not in use has been given, or will be.
	nextPassword = "next-password"
)

// changedAtAnnotation is when user and password were last changed.
const changedAtAnnotation = "lectern.dev/password-changed-at"

// newPassword returns 130 random bits, in characters that need no quoting anywhere.
func newPassword() string { return rand.Text() }

// WantTrialPasswords returns the Secret with the passwords of the trial database.
func WantTrialPasswords(name string, isOwned bool) Wanted {
	keys := []string{SuperuserPassword, OwnerPassword, ServerAPassword, ServerBPassword}
	return Wanted{Name: name, Keys: keys, IsOwned: isOwned,
		Make: func(context.Context) (map[string][]byte, map[string]string, error) {
			values := make(map[string][]byte, len(keys))
			for _, key := range keys {
				values[key] = []byte(newPassword())
			}
			return values, nil, nil
		}}
}

// WantServerCredentials returns the Secret that servers log in with: at first by the first of both roles, and the passwords of
// another Secret.
func (n *Namespace) WantServerCredentials(name string, roles [2]string, firstPasswords string, isRotated, isOwned bool) Wanted {
	wanted := Wanted{Name: name, Keys: []string{ServerUser, ServerPassword}, IsOwned: isOwned}
	if isRotated {
		wanted.Keys = append(wanted.Keys, idlePassword)
	}
	wanted.Make = func(ctx context.Context) (map[string][]byte, map[string]string, error) {
		if firstPasswords == "" {
			return nil, nil, fmt.Errorf("nothing says the passwords of %s and %s: name the Secret that has them by --server-first-passwords-secret", roles[0], roles[1])
		}
		first, err := n.Get(ctx, firstPasswords)
		if err != nil {
			return nil, nil, err
		}
		if err := checkKeys(first, []string{ServerAPassword, ServerBPassword}); err != nil {
			return nil, nil, err
		}
		return map[string][]byte{
			ServerUser: []byte(roles[0]), ServerPassword: first.Data[ServerAPassword], idlePassword: first.Data[ServerBPassword],
		}, map[string]string{changedAtAnnotation: formatTime(time.Now())}, nil
	}
	return wanted
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// login is a role and the password it logs in with.
type login struct{ role, password string }

// logins are both roles of servers, as their Secret says.
type logins struct {
	// active is what servers use, idle the other.
	active, idle login
	// next is the password that the idle role is being given; empty where none is.
	next string
	// changedAt is when active was last changed; zero where that is not known.
	changedAt time.Time
}

// readLogins reads the Secret that servers log in with.
func readLogins(secret *corev1.Secret, roles [2]string) (logins, error) {
	if err := checkKeys(secret, []string{ServerUser, ServerPassword, idlePassword}); err != nil {
		return logins{}, err
	}
	if !isOurs(secret) {
		return logins{}, fmt.Errorf("the Secret %s was not made by Lectern's controller, which changes no password in it: give it the label %s=%s, or set --server-password-interval=0",
			client.ObjectKeyFromObject(secret), v1alpha1.ManagedByLabel, v1alpha1.ManagedByController)
	}
	user := string(secret.Data[ServerUser])
	at := slices.Index(roles[:], user)
	if at < 0 {
		return logins{}, fmt.Errorf("the Secret %s has the user %q, who is none of --server-login-roles=%s,%s", client.ObjectKeyFromObject(secret), user, roles[0], roles[1])
	}
	changedAt, _ := time.Parse(time.RFC3339Nano, secret.Annotations[changedAtAnnotation]) // without one a change is due
	return logins{
		active: login{user, string(secret.Data[ServerPassword])}, idle: login{roles[1-at], string(secret.Data[idlePassword])},
		next: string(secret.Data[nextPassword]), changedAt: changedAt,
	}, nil
}
