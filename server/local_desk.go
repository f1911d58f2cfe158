package server

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/lectern-dev/lectern/internal/localdesk"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/secretsource"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/prompts"
)

// openLocalDesk returns the connections of a folder; nil where no credentials are named for any.
func openLocalDesk(opts *Options, log *slog.Logger) (*localdesk.Source, error) {
	if len(opts.SDPCredentials) == 0 {
		return nil, nil
	}
	credentials, err := parseCredentials(opts.SDPCredentials)
	if err != nil {
		return nil, err
	}
	allowed, err := opts.allowedEgress()
	if err != nil {
		return nil, err
	}
	folder, err := localdesk.DefaultStateFolder()
	if err != nil {
		return nil, fmt.Errorf("--sdp-credentials: %w", err)
	}
	return localdesk.New(localdesk.Options{StateFolder: folder, Credentials: credentials, Egress: allowed, Log: log}), nil
}

// errNoPair quotes nothing: what somebody gave by mistake may be the credentials.
var errNoPair = errors.New("a value of --sdp-credentials is not NAMESPACE/NAME=REF with the name of a connection, such as " +
	"default/helpdesk=~/.config/lectern/helpdesk.yaml or default/helpdesk=env:HELPDESK")

// parseCredentials reads the values of --sdp-credentials: NAMESPACE/NAME=REF, where NAME alone is in the namespace of a manifest
// that names none.
func parseCredentials(given []string) (map[store.Key]secretsource.Reference, error) {
	credentials := make(map[store.Key]secretsource.Reference, len(given))
	for _, text := range given {
		of, reference, is := strings.Cut(text, "=")
		if !is {
			return nil, errNoPair
		}
		key := store.Key{Namespace: promptobject.DefaultNamespace, Name: of}
		if namespace, name, isFull := strings.Cut(of, "/"); isFull {
			key = store.Key{Namespace: namespace, Name: name}
		}
		for _, part := range []string{key.Namespace, key.Name} {
			if err := prompts.ValidateNamespace(part); part == "" || err != nil {
				return nil, errNoPair
			}
		}
		if _, twice := credentials[key]; twice {
			return nil, fmt.Errorf("--sdp-credentials names connection %s twice", key)
		}
		parsed, err := secretsource.ParseReference(reference)
		if err != nil {
			return nil, fmt.Errorf("--sdp-credentials %s: %w", of, err)
		}
		credentials[key] = parsed
	}
	return credentials, nil
}
