package connectionobject

import (
	"slices"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// servers are the addresses of a data centre.
type servers struct {
	api, accounts string
}

// dataCenters is the table of Zoho's documentation.
var dataCenters = map[v1alpha1.DataCenter]servers{
	v1alpha1.DataCenterUS: {"https://sdpondemand.manageengine.com", "https://accounts.zoho.com"},
	v1alpha1.DataCenterEU: {"https://sdpondemand.manageengine.eu", "https://accounts.zoho.eu"},
	v1alpha1.DataCenterIN: {"https://sdpondemand.manageengine.in", "https://accounts.zoho.in"},
	v1alpha1.DataCenterCN: {"https://servicedeskplus.cn", "https://accounts.zoho.com.cn"},
	v1alpha1.DataCenterAU: {"https://servicedeskplus.net.au", "https://accounts.zoho.com.au"},
	v1alpha1.DataCenterJP: {"https://servicedeskplus.jp", "https://accounts.zoho.jp"},
	v1alpha1.DataCenterCA: {"https://servicedeskplus.ca", "https://accounts.zohocloud.ca"},
	v1alpha1.DataCenterUK: {"https://servicedeskplus.uk", "https://accounts.zoho.uk"},
	v1alpha1.DataCenterSA: {"https://servicedeskplus.sa", "https://accounts.zoho.sa"},
}

// otherAccountsURL is how some tools spell Canada's accounts server.
const otherAccountsURL = "https://accounts.zoho.ca"

// DataCenterURLs returns the addresses of all data centres, sorted: where credentials may go unless an installation says more.
func DataCenterURLs() []string {
	urls := []string{otherAccountsURL}
	for _, of := range dataCenters {
		urls = append(urls, of.api, of.accounts)
	}
	slices.Sort(urls)
	return urls
}

// APIURL returns the address of ServiceDesk Plus, without a slash at its end.
func APIURL(spec *v1alpha1.SDPConnectionSpec) string {
	return withoutSlash(spec.APIURL, dataCenters[spec.DataCenter].api)
}

// AccountsURL returns the address of the accounts server, without a slash at its end; nothing on premises.
func AccountsURL(spec *v1alpha1.SDPConnectionSpec) string {
	return withoutSlash(spec.AccountsURL, dataCenters[spec.DataCenter].accounts)
}
