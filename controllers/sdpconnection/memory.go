package sdpconnection

import (
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// memories are what this process remembers of connections, by name. All of it may be lost: it saves calls, and decides nothing
// that another controller would have to know.
type memories struct{ byKey sync.Map }

// of returns what is remembered of an object: nothing of another one that had its name.
func (m *memories) of(c *v1alpha1.SDPConnection) *memory {
	key := client.ObjectKeyFromObject(c)
	if found, has := m.byKey.Load(key); has && found.(*memory).uid == c.UID {
		return found.(*memory)
	}
	m.forget(key)
	made := &memory{uid: c.UID, unreadable: map[sdp.LookupType]unreadable{}}
	m.byKey.Store(key, made)
	return made
}

func (m *memories) forget(key types.NamespacedName) {
	if found, was := m.byKey.LoadAndDelete(key); was {
		if sender := found.(*memory).sender; sender != nil {
			sender.CloseIdleConnections()
		}
	}
}

// memory is of one connection. One goroutine at a time uses it, since a connection is reconciled once at a time.
type memory struct {
	uid types.UID
	// sender sends by the certificates it was made with.
	sender       *http.Client
	certificates string
	// unsaved is a refresh token that could not be written into its Secret yet.
	unsaved *connectionlogin.Kept
	// denied is what was refused, and is not sent again for a while; rejected is a token that was, on its first call.
	denied   *denial
	rejected rejectedToken
	// answeredSecret is the client secret that an accounts server last took, or that was there with a good token.
	answeredSecret redact.Secret
	// failures counts token requests in a row that gave no answer; none is made while pause lasts.
	failures int
	pause    requestPause
	// unanswered counts calls in a row that ServiceDesk Plus did not answer.
	unanswered int
	// claimedFor is the last request of a reconcile for which a token was asked for.
	claimedFor string
	// proven is which token a call showed to be good, of which generation of the object: the cache may be behind the status.
	proven provenToken
	// provenAt is when it was last proven whether a token is refused.
	provenAt time.Time
	// reading is a list of which some pages are read, unreadable are those that cannot be.
	reading    *partialList
	unreadable map[sdp.LookupType]unreadable
	// projects are those of which some pages are read.
	projects *partialProjects
	// other is the controller whose connection it is.
	other string
}

type provenToken struct {
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
