package servicedesk

import (
	"net/url"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

// scheme begins every URI of ServiceDesk Plus.
const scheme = "sdp://"

// The templates of resources.
const (
	requestTemplate      = "sdp://{namespace}/{connection}/requests/{number}"
	conversationTemplate = "sdp://{namespace}/{connection}/requests/{number}/conversations/{id}"
	attachmentTemplate   = "sdp://{namespace}/{connection}/requests/{number}/attachments/{id}"
	solutionTemplate     = "sdp://{namespace}/{connection}/solutions/{id}"
	lookupTemplate       = "sdp://{namespace}/{connection}/lookups/{type}"
)

// OwnsURI reports whether a URI, or a template of them, is of ServiceDesk Plus.
func OwnsURI(uri string) bool { return strings.HasPrefix(uri, scheme) }

func (d *desk) uriOf(segments ...string) string {
	return scheme + d.key.Namespace + "/" + d.key.Name + "/" + strings.Join(segments, "/")
}

func (d *desk) requestURI(r *sdp.Request) string {
	if r.DisplayID == "" {
		return d.uriOf("requests", "id:"+r.ID)
	}
	return d.uriOf("requests", url.PathEscape(r.DisplayID))
}

// resourceName is what a URI names.
type resourceName struct {
	key store.Key
	// kind is requests, conversations, attachments, solutions or lookups. ID is of the thing itself, request that of its ticket.
	kind, request, id string
}

// parseURI returns what a URI names; ok is false for one that names nothing.
func parseURI(uri string) (resourceName, bool) {
	rest, is := strings.CutPrefix(uri, scheme)
	segments := strings.Split(rest, "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "" || len(plain) > 253 {
			return resourceName{}, false
		}
		segments[i] = plain
	}
	if !is || len(segments) < 4 {
		return resourceName{}, false
	}
	found := resourceName{key: store.Key{Namespace: segments[0], Name: segments[1]}, kind: segments[2], id: segments[3]}
	switch {
	case len(segments) == 4 && (found.kind == "requests" || found.kind == "solutions" || found.kind == "lookups"):
		return found, true
	case len(segments) == 6 && found.kind == "requests" && (segments[4] == "conversations" || segments[4] == "attachments"):
		found.kind, found.request, found.id = segments[4], segments[3], segments[5]
		return found, true
	}
	return resourceName{}, false
}
