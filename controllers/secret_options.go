package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/controllers/secrets"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// secretOptions name the Secrets of the controller's namespace: those it makes, and those it reads.
type secretOptions struct {
	ownerDeployment string
	intakeKeys      string
	sealKeys        string
	trial           string
	serverDatabase  string
	firstPasswords  string
	databaseKey     string

	keepDatabaseSecrets bool
	serverLogins        []string
	passwordInterval    time.Duration
}

const defaultPasswordInterval = 24 * time.Hour

func (o *secretOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.ownerDeployment, "owner-deployment", "", "Deployment of the controller, in its own namespace, with which the Secrets go that it makes; empty for none")
	fs.StringVar(&o.intakeKeys, "intake-key-secret", "", "Secret with the keys private.json and public.json of change requests, instead of --intake-key-file; made at start if absent, and read again")
	fs.StringVar(&o.sealKeys, "seal-key-secret", "", "Secret with the keys that tokens are sealed with for servers, which mount its keyset.json; made at start if absent, and read again (lectern seal rotate)")
	fs.StringVar(&o.trial, "trial-secret", "", "Secret with the passwords of a trial database, made at start if absent")
	fs.StringVar(&o.serverDatabase, "server-database-secret", "", "Secret with the user and password that servers log in with, made at start if absent; needs --server-login-roles")
	fs.StringVar(&o.firstPasswords, "server-first-passwords-secret", "", "Secret with the keys server-a-password and server-b-password, which --server-database-secret is made of; when empty --trial-secret")
	fs.BoolVar(&o.keepDatabaseSecrets, "keep-database-secrets", false, "keep --trial-secret and --server-database-secret when the Deployment is deleted: a database that is kept knows no other passwords")
	fs.StringVar(&o.databaseKey, "database-password-secret", "", "NAME/KEY of a Secret with the controller's database password, with --database-host; read again")
	fs.StringSliceVar(&o.serverLogins, "server-login-roles", nil, "the two database roles that servers log in as, of which one is in use (lectern migrate --print-roles makes them)")
	fs.DurationVar(&o.passwordInterval, "server-password-interval", defaultPasswordInterval, "time between two changes of the servers' database password, at least 10m; 0 for never")
}

func (o *secretOptions) validate(database *postgres.Options, keyFile string) error {
	switch {
	case o.intakeKeys != "" && keyFile != "":
		return errors.New("set only one of --intake-key-secret and --intake-key-file")
	case o.serverDatabase == "" && (len(o.serverLogins) > 0 || o.firstPasswords != ""):
		return errors.New("--server-login-roles and --server-first-passwords-secret go with --server-database-secret")
	case o.serverDatabase != "" && (len(o.serverLogins) != 2 || o.serverLogins[0] == o.serverLogins[1] || o.serverLogins[0] == "" || o.serverLogins[1] == ""):
		return errors.New("--server-database-secret needs --server-login-roles with two names, A,B")
	case o.serverDatabase != "" && o.passwordInterval != 0 && o.passwordInterval < secrets.MinRotationInterval:
		return fmt.Errorf("--server-password-interval is %s; it must be 0, for never, or at least %s: a mounted Secret takes up to two minutes to arrive, and connections live for 5",
			o.passwordInterval, secrets.MinRotationInterval)
	case o.databaseKey == "":
		return nil
	case database.Host == "" || database.PasswordFile != "":
		return errors.New("--database-password-secret goes with --database-host, and instead of --database-password-file")
	}
	if _, err := secrets.ParseKey(o.databaseKey); err != nil {
		return fmt.Errorf("--database-password-secret: %w", err)
	}
	return nil
}

// isUsed says whether the controller reads or makes any Secret.
func (o *secretOptions) isUsed() bool {
	return o.intakeKeys != "" || o.sealKeys != "" || o.trial != "" || o.serverDatabase != "" || o.databaseKey != ""
}

// secretCallTimeout bounds one call to the API server.
const secretCallTimeout = 10 * time.Second

// openNamespace returns the controller's own namespace, with a client that reads past every cache: a cache would list and watch
// all Secrets.
func (o *secretOptions) openNamespace(ctx context.Context, mgr ctrl.Manager, name string, log logr.Logger) (*secrets.Namespace, error) {
	config := rest.CopyConfig(mgr.GetConfig())
	config.Timeout = secretCallTimeout
	api, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("set up the client for Secrets: %w", err)
	}
	namespace := &secrets.Namespace{Name: name, API: api, Log: log}
	if o.ownerDeployment == "" || !o.isUsed() {
		return namespace, nil
	}
	return namespace, namespace.FindOwner(ctx, o.ownerDeployment)
}

// ensureSecrets makes what is absent. The database is not needed for it: pods of the database may wait for these Secrets.
func (o *secretOptions) ensureSecrets(ctx context.Context, namespace *secrets.Namespace) error {
	var wanted []secrets.Wanted
	if o.intakeKeys != "" {
		wanted = append(wanted, secrets.WantIntakeKeys(o.intakeKeys))
	}
	if o.sealKeys != "" {
		wanted = append(wanted, secrets.WantSealKeys(o.sealKeys))
	}
	isTrialNew := false
	if o.trial != "" {
		trial := secrets.WantTrialPasswords(o.trial, !o.keepDatabaseSecrets)
		makePasswords := trial.Make
		trial.Make = func(ctx context.Context) (map[string][]byte, map[string]string, error) {
			isTrialNew = true
			return makePasswords(ctx)
		}
		wanted = append(wanted, trial)
	}
	for _, w := range wanted {
		if _, err := namespace.Ensure(ctx, w); err != nil {
			return err
		}
	}
	return o.ensureServerCredentials(ctx, namespace, isTrialNew)
}

// ensureServerCredentials makes what servers log in with, of the first passwords. Where passwords are changed, a database that is not new
// may know other ones: then an absent Secret is left to the rotation, which asks the database.
func (o *secretOptions) ensureServerCredentials(ctx context.Context, namespace *secrets.Namespace, isDatabaseNew bool) error {
	if o.serverDatabase == "" {
		return nil
	}
	if o.passwordInterval > 0 && !isDatabaseNew {
		if _, err := namespace.Get(ctx, o.serverDatabase); apierrors.IsNotFound(err) {
			return nil
		}
	}
	_, err := namespace.Ensure(ctx, o.wantServerCredentials(namespace))
	return err
}

func (o *secretOptions) wantServerCredentials(namespace *secrets.Namespace) secrets.Wanted {
	first := o.firstPasswords
	if first == "" {
		first = o.trial
	}
	return namespace.WantServerCredentials(o.serverDatabase, [2]string(o.serverLogins), first, o.passwordInterval > 0, !o.keepDatabaseSecrets)
}

// prepareSecrets makes the Secrets that are absent, and has the database be reached by the password of one.
func prepareSecrets(ctx context.Context, mgr ctrl.Manager, o *options) (*secrets.Namespace, error) {
	namespace, err := o.secrets.openNamespace(ctx, mgr, o.cluster.leaseNamespace, mgr.GetLogger().WithName("secrets"))
	if err != nil {
		return nil, err
	}
	if err := o.secrets.ensureSecrets(ctx, namespace); err != nil {
		return nil, err
	}
	if o.secrets.databaseKey != "" {
		key, err := secrets.ParseKey(o.secrets.databaseKey)
		if err != nil {
			return nil, err
		}
		o.database.Password = namespace.ValueOf(key).Current
	}
	return namespace, nil
}

// addRotation adds what keeps the servers' database password, and changes it where that is asked for.
func (o *secretOptions) addRotation(mgr ctrl.Manager, namespace *secrets.Namespace, db *postgres.Store) error {
	if o.serverDatabase == "" {
		return nil
	}
	return mgr.Add(&secrets.Rotation{
		Namespace: namespace, Wanted: o.wantServerCredentials(namespace), Roles: [2]string(o.serverLogins), Database: db,
		Interval: o.passwordInterval, Clock: clock.RealClock{}, Log: namespace.Log,
	})
}

// openIntakeKeys returns the keys that open callers' tokens, from a Secret or a file; nil when there is neither.
func openIntakeKeys(ctx context.Context, mgr ctrl.Manager, o *options, namespace *secrets.Namespace) (*seal.PrivateKeys, error) {
	log := mgr.GetLogger().WithName("changes")
	switch {
	case o.changes == changesUnproven:
		return nil, nil
	case o.secrets.intakeKeys != "":
		secret, err := namespace.Get(ctx, o.secrets.intakeKeys)
		if err != nil {
			return nil, err
		}
		keys, err := seal.ParsePrivateKeys(secret.Data[secrets.PrivateKey])
		if err != nil {
			return nil, fmt.Errorf("--intake-key-secret: %s of Secret %s: %w", secrets.PrivateKey, client.ObjectKeyFromObject(secret), err)
		}
		return keys, mgr.Add(secrets.FollowIntakeKeys(namespace, secret.Name, keys, log))
	case o.proof.keyFile != "":
		keys, err := seal.OpenPrivateKeys(o.proof.keyFile, structuredLog(log))
		if err != nil {
			return nil, fmt.Errorf("--intake-key-file: %w", err)
		}
		return keys, nil
	}
	return nil, nil
}
