package connectionobject

import (
	"cmp"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp"
)

// APIURL returns the address of ServiceDesk Plus, without a slash at its end.
func APIURL(spec *v1alpha1.SDPConnectionSpec) string {
	return withoutSlash(spec.APIURL, dataCenterOf(spec).APIURL)
}

// AccountsURL returns the address of the accounts server, without a slash at its end; nothing on premises.
func AccountsURL(spec *v1alpha1.SDPConnectionSpec) string {
	return withoutSlash(spec.AccountsURL, dataCenterOf(spec).AccountsURL)
}

// dataCenterOf returns the addresses of the data centre, which has none where the manifest names none.
func dataCenterOf(spec *v1alpha1.SDPConnectionSpec) sdp.DataCenter {
	found, _ := sdp.FindDataCenter(string(spec.DataCenter))
	return found
}

func withoutSlash(written v1alpha1.ServiceURL, absent string) string {
	return strings.TrimRight(cmp.Or(string(written), absent), "/")
}
