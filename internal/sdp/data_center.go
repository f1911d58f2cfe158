package sdp

import (
	"maps"
	"slices"
	"strings"
)

// DataCenter is where Zoho runs ServiceDesk Plus Cloud. A client id belongs to one of them.
type DataCenter struct {
	APIURL      string
	AccountsURL string
	// OtherAccountsURL is another spelling of the accounts server that is in use.
	OtherAccountsURL string
}

// dataCenters are by the names that SDPConnection uses.
var dataCenters = map[string]DataCenter{
	"US": {APIURL: "https://sdpondemand.manageengine.com", AccountsURL: "https://accounts.zoho.com"},
	"EU": {APIURL: "https://sdpondemand.manageengine.eu", AccountsURL: "https://accounts.zoho.eu"},
	"IN": {APIURL: "https://sdpondemand.manageengine.in", AccountsURL: "https://accounts.zoho.in"},
	"CN": {APIURL: "https://servicedeskplus.cn", AccountsURL: "https://accounts.zoho.com.cn"},
	"AU": {APIURL: "https://servicedeskplus.net.au", AccountsURL: "https://accounts.zoho.com.au"},
	"JP": {APIURL: "https://servicedeskplus.jp", AccountsURL: "https://accounts.zoho.jp"},
	// Zoho's documentation says zohocloud.ca, the vendor's own client zoho.ca.
	"CA": {APIURL: "https://servicedeskplus.ca", AccountsURL: "https://accounts.zohocloud.ca", OtherAccountsURL: "https://accounts.zoho.ca"},
	"UK": {APIURL: "https://servicedeskplus.uk", AccountsURL: "https://accounts.zoho.uk"},
	"SA": {APIURL: "https://servicedeskplus.sa", AccountsURL: "https://accounts.zoho.sa"},
}

// FindDataCenter returns the data center of a name: US, EU, IN, CN, AU, JP, CA, UK or SA.
func FindDataCenter(name string) (DataCenter, bool) {
	found, ok := dataCenters[name]
	return found, ok
}

// DataCenterHosts returns the hosts of all data centers, sorted, as egress.ParseRules reads them: where credentials may go
// when an installer lists nothing.
func DataCenterHosts() []string {
	var hosts []string
	for center := range maps.Values(dataCenters) {
		for _, each := range []string{center.APIURL, center.AccountsURL, center.OtherAccountsURL} {
			if host := strings.TrimPrefix(each, "https://"); host != "" {
				hosts = append(hosts, host)
			}
		}
	}
	slices.Sort(hosts)
	return hosts
}
