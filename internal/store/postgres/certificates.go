package postgres

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// addCertificates adds to a connection string which certificates the database's must come from, and that they are asked for, unless
// it says that itself.
func (o *Options) addCertificates(s string) (string, error) {
	if o.CAFile == "" {
		return s, nil
	}
	if strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://") {
		return addToURL(s, o.CAFile)
	}
	return addToKeywords(s, o.CAFile), nil
}

// errUnreadableQuery repeats nothing of a connection string, which may have a password.
var errUnreadableQuery = errors.New("read the connection string: what follows its question mark is no list of parameters")

// addToURL leaves what is there as it is written: only its query is read.
func addToURL(s, caFile string) (string, error) {
	at, query, hasQuery := strings.Cut(s, "?")
	said, err := url.ParseQuery(query)
	if err != nil {
		return "", errUnreadableQuery
	}
	added := url.Values{}
	if !said.Has("sslrootcert") {
		added.Set("sslrootcert", caFile)
	}
	if !said.Has("sslmode") {
		added.Set("sslmode", "verify-full")
	}
	switch more := added.Encode(); {
	case more == "":
		return s, nil
	case hasQuery && query != "":
		return at + "?" + query + "&" + more, nil
	default:
		return at + "?" + more, nil
	}
}

// keyword finds the names in a connection string of keywords and values.
var keyword = regexp.MustCompile(`(?:^|\s)(sslrootcert|sslmode)\s*=`)

func addToKeywords(s, caFile string) string {
	said := map[string]bool{}
	for _, found := range keyword.FindAllStringSubmatch(s, -1) {
		said[found[1]] = true
	}
	if !said["sslrootcert"] {
		s += " sslrootcert='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(caFile) + "'"
	}
	if !said["sslmode"] {
		s += " sslmode=verify-full"
	}
	return s
}
