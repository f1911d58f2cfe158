package store

import (
	"errors"
	"time"
)

// ErrConnectionGone says that a connection is deleted, or another object's.
var ErrConnectionGone = errors.New("the connection is deleted, or another object's")

// ConnectionSettings is everything a server has to know to serve a connection, with a value for whatever its manifest leaves
// out. No secret is in it.
type ConnectionSettings struct {
	Edition  string `json:"edition"`
	APIURL   string `json:"apiURL"`
	Portal   string `json:"portal,omitempty"`
	TimeZone string `json:"timeZone"`
	// CACertificates are PEM; empty for those of the image.
	CACertificates string             `json:"caCertificates,omitempty"`
	Access         ConnectionAccess   `json:"access"`
	Callers        []ConnectionCaller `json:"callers,omitempty"`
	// RequestsPerMinute are in any 60 seconds, and Burst in any 2.
	RequestsPerMinute int           `json:"requestsPerMinute"`
	Burst             int           `json:"burst"`
	LookupInterval    time.Duration `json:"lookupInterval"`
	AuditPayloads     string        `json:"auditPayloads"`
	RetentionDays     int           `json:"retentionDays"`
	// Defaults are values of requests that agents create, by the names of fields.
	Defaults  map[string]string `json:"defaults,omitempty"`
	Suspended bool              `json:"suspended,omitempty"`
}

// Address is which ServiceDesk Plus a connection is to. The ids and names of its lists mean nothing to another one.
type Address struct{ Edition, APIURL, Portal string }

// Address returns which ServiceDesk Plus a connection is to.
func (s *ConnectionSettings) Address() Address { return Address{s.Edition, s.APIURL, s.Portal} }

// ConnectionAccess is what agents may do at most. Of the lists nil is everything, and an empty one nothing.
type ConnectionAccess struct {
	Mode             string              `json:"mode"`
	Toolsets         []string            `json:"toolsets"`
	Projects         []string            `json:"projects"`
	Groups           []string            `json:"groups"`
	Sites            []string            `json:"sites"`
	Confirm          string              `json:"confirm"`
	ConfirmBy        string              `json:"confirmBy"`
	RequesterVisible string              `json:"requesterVisible"`
	Fields           map[string][]string `json:"fields,omitempty"` // by kind of record; of a kind that is absent, all
	WritesPerHour    int                 `json:"writesPerHour"`
	Attribution      string              `json:"attribution"`
}

// ConnectionCaller is who a subject is in ServiceDesk Plus.
type ConnectionCaller struct {
	Subject string   `json:"subject"`
	Email   string   `json:"email"`
	Groups  []string `json:"groups,omitempty"`
}

// ConnectionPublication is what a publish says of a connection. Takeover is as of a prompt's.
type ConnectionPublication struct {
	Key      Key
	Owner    Owner
	Settings ConnectionSettings
	Takeover *Fence
}

// StoredConnection is a connection after a publish.
type StoredConnection struct {
	ID       int64
	Revision int64
	// Changed says that something visible was written and a revision taken.
	Changed bool
	// RatePending says that the rate is still that of before, since a server keeps its lock: storing it again changes it.
	RatePending bool
}

// Connection is what servers know of a connection.
type Connection struct {
	ID       int64
	Key      Key
	UID      string
	Revision int64
	// Deleted says that it is gone; it has neither settings nor a token then.
	Deleted  bool
	Settings ConnectionSettings
	// Token is the current one; nil where there is none yet.
	Token *SealedToken
	// Problem says why there is no token, or what a person should do though there is one; empty where nothing is known of one. A
	// database says nothing here: what a controller knows is in the object's status.
	Problem string
}

// ComparedConnection is what a comparison of rows and objects sees of a connection.
type ComparedConnection struct {
	Key   Key
	Fence Fence
	// Quiescent says that the row has not changed for the grace period asked for.
	Quiescent bool
}

// Lane is whose turn it is to call ServiceDesk Plus.
type Lane string

// The lanes. LaneProof and LaneLookup share a fifth of the rate.
const (
	// LaneInteractive is for what somebody waits for.
	LaneInteractive Lane = "interactive"
	// LaneProof is for finding out whether a token is refused. It goes before LaneLookup.
	LaneProof Lane = "proof"
	// LaneLookup is for reading lists. It leaves a fifth of the rate free.
	LaneLookup Lane = "lookup"
)

// RateGrant is what a replica may call now.
type RateGrant struct {
	// Granted calls are made within RateGrantLifetime, or not at all.
	Granted int
	// RetryAfter is when to ask again where none was granted.
	RetryAfter time.Duration
	// Replicas are those that asked in the last minute, this one among them.
	Replicas int
}

// RateGrantLifetime is after how long a grant is void.
const RateGrantLifetime = 2 * time.Second

// MaxRatePause is how long calls are stopped at most.
const MaxRatePause = 15 * time.Minute
