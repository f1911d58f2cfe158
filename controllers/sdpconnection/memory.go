package sdpconnection

import (
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// memories are what this process remembers of connections, by UID. All of it may be lost: it saves calls, and decides nothing
// that another controller would have to know.
type memories struct{ byUID sync.Map }

func (m *memories) of(uid types.UID) *memory {
	found, _ := m.byUID.LoadOrStore(uid, &memory{unreadable: map[sdp.LookupType]unreadable{}})
	return found.(*memory)
}

func (m *memories) forget(uid types.UID) {
	if found, was := m.byUID.LoadAndDelete(uid); was {
		if sender := found.(*memory).sender; sender != nil {
			sender.CloseIdleConnections()
		}
	}
}

// memory is of one connection. One goroutine at a time uses it, since a connection is reconciled once at a time.
type memory struct {
	// sender sends by the certificates it was made with.
	sender       *http.Client
	certificates string
	// unkept is a refresh token that could not be written into its Secret yet.
	unkept *connectionlogin.Kept
	// denied is what was refused, and is not sent again for a while; rejected is a token that was, on its first call.
	denied   *denial
	rejected rejectedToken
	// answeredSecret is the client secret that an accounts server last took, or that was there with a good token.
	answeredSecret redact.Secret
	// failures counts token requests in a row that gave no answer; none is made while pause lasts.
	failures int
	pause    requestPause
	// claimedFor is the last request of a reconcile for which a token was asked for.
	claimedFor string
	// shown is which token a call showed to be good, of which generation of the object: the cache may be behind the status.
	shown shownToken
	// provenAt is when it was last proven whether a token is refused.
	provenAt time.Time
	// reading is a list of which some pages are read, unreadable are those that cannot be.
	reading    *partialList
	unreadable map[sdp.LookupType]unreadable
	// other is the controller whose connection it is.
	other string
}

type shownToken struct {
	id         string
	generation int64
}

// rejectedToken is one that was refused by whom, and until when it is not tried again.
type rejectedToken struct {
	id    string
	by    store.Address
	until time.Time
}

// unreadable is why a list could not be read from there, and when it is tried again.
type unreadable struct {
	reason string
	from   store.Address
	until  time.Time
}

// noteOther remembers whose connection it is, and reports whether that is news.
func (m *memory) noteOther(other string) bool {
	isNew := m.other != other
	m.other = other
	return isNew
}
