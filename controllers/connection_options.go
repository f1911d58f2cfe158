package controllers

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
)

// connectionNamespacesFlag is the flag that names them; messages tell it to people.
const connectionNamespacesFlag = "connection-namespaces"

// connectionOptions say whose connections to ServiceDesk Plus are served, and where their credentials may go.
type connectionOptions struct {
	// namespaces are those in which the controller's account may read Secrets. Without any, no connection is served.
	namespaces []string
	egress     egress.Flags
	// sealKeyFile has the keys that tokens are sealed with, where they are in no Secret.
	sealKeyFile string
}

func (o *connectionOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.namespaces, connectionNamespacesFlag, nil, "namespaces whose connections to ServiceDesk Plus are served, a list or repeated; when empty none. "+
		"In each the controller's account has to have the rights of the ClusterRole lectern-connections")
	o.egress.AddFlags(fs)
	fs.StringVar(&o.sealKeyFile, "seal-key-file", "", "file with the keys that tokens are sealed with for servers, instead of --seal-key-secret; read again when it changed")
}

// validate returns what is wrong with the options, in the words of the flags.
func (o *connectionOptions) validate(watched namespaces.Watched) error {
	if err := namespaces.ValidateNames(connectionNamespacesFlag, o.namespaces); err != nil {
		return err
	}
	for _, name := range o.namespaces {
		if !watched.Contains(name) {
			return fmt.Errorf("--%s names %s, which is not watched: --watch-namespaces names %s; name it there, or leave it out", connectionNamespacesFlag, name, watched)
		}
	}
	_, err := o.egress.Options(sdp.DataCenterHosts())
	return err
}
