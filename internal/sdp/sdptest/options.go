package sdptest

import (
	"slices"
	"time"
)

// Edition is one of the two products, which differ in names, paths and how callers are known.
type Edition int

// The editions.
const (
	Cloud Edition = iota
	OnPremises
)

// Options say how the fake behaves. The zero value is the cloud edition with a small helpdesk, as the
// reference describes it; Server.Change alters them while requests run.
type Options struct {
	Edition Edition
	// Portal is the instance in /app/<portal>/api/v3: "itdesk" when empty in the cloud; on-premises an
	// empty one has no such path.
	Portal string
	// Now is the clock of every limit, expiry and timestamp; time.Now when nil. See Clock.
	Now func() time.Time
	// Zone is that of the API user, in which display values and days are; UTC when nil.
	Zone *time.Location
	// Empty leaves out the requests, projects and other records of the seed; people and lookups stay.
	Empty bool
	// ClientID, ClientSecret and RedirectURI are the registered OAuth client, APIKey is an on-premises
	// technician's key; each has a default.
	ClientID, ClientSecret, RedirectURI, APIKey string
	// Scopes are those of the tokens that methods of Server issue; DefaultScopes when nil.
	Scopes []string
	// TLSNames are the names and addresses that the fake has a certificate for; it serves plain HTTP when nil. See CABundle.
	TLSNames []string
	// JournalSize bounds how many calls are remembered; 100,000 when zero.
	JournalSize int

	Limits  Limits
	Site    Site
	Guesses Guesses
}

// Limits are what Zoho and ServiceDesk Plus bound. Zero is the reference's value.
type Limits struct {
	AccessTokenLifetime  time.Duration // 1 h
	GrantCodeLifetime    time.Duration // 3 min
	AccountsWindow       time.Duration // 10 min
	RefreshesPerWindow   int           // 10 for each refresh token
	GrantCodesPerWindow  int           // 10 for each client: codes issued, and codes exchanged
	AccessTokensAlive    int           // 15 for each refresh token; one more ends the oldest
	RefreshTokensPerUser int           // 20 for each user and client; one more ends the oldest
	// RefreshTokensPerMinute is unlimited when zero; older documents say 5.
	RefreshTokensPerMinute int
	// RequestsPerMinute bounds SDP's API in any 60 s; unlimited when zero, as no number is public.
	RequestsPerMinute int
	// RetryAfter is sent with what RequestsPerMinute refuses; not sent when zero.
	RetryAfter time.Duration
	// AuthFailuresPerMinute refuses on-premises callers after so many unknown keys; unlimited when zero, 15 in the product.
	AuthFailuresPerMinute int
}

// Site is what administrators set up and what a build has or lacks: legitimate differences between
// two installations of one product.
type Site struct {
	// MandatoryFields are those of the default template besides subject; see StrictTemplate.
	MandatoryFields []string
	// SubcategoryWithCategory and ItemWithSubcategory make the finer one mandatory once the coarser is given.
	SubcategoryWithCategory, ItemWithSubcategory bool
	// PriorityLocked refuses a given priority, as a priority matrix does.
	PriorityLocked bool
	// AssignNeedsCategory refuses an assignment of a request without category.
	AssignNeedsCategory bool
	// What has to be there before a request is closed.
	CloseNeedsResolution, CloseNeedsAcknowledgement, CloseNeedsClosedTasks, CloseNeedsWorklog bool
	// CancelNeedsComments refuses to cancel a request without status_change_comments.
	CancelNeedsComments bool
	// NoClosureCodes is a site that defines none, so that naming one is an error.
	NoClosureCodes bool
	// Absent lists what this build does not have, as "GET /groups" or "POST /requests/*/worklogs".
	Absent []string
	// Unlicensed lists modules ("projects") that the licence leaves out; they answer UnlicensedCode: 4002
	// when zero, or 4007 or 7001.
	Unlicensed     []string
	UnlicensedCode int
	// IgnoreCriteria and IgnoreFilterBy return rows that nobody asked for.
	IgnoreCriteria, IgnoreFilterBy bool
	// MixedDateCriteriaRefused is an on-premises build that takes no date beside other criteria.
	MixedDateCriteriaRefused bool
	// CDATA leaks the wrapper around HTML.
	CDATA bool
	// WorklogsMisparsedInQuery loses the nested objects of a worklog that is sent in the query.
	WorklogsMisparsedInQuery bool
	// WorklogExtrasAccepted takes status and is_billable in worklogs, which other sites refuse as unknown keys.
	WorklogExtrasAccepted bool
	// MyViewsReturnClosed has views named My_* return closed requests as well.
	MyViewsReturnClosed bool
	// PublicNotesAreMailed has a note that the requester may see appear as a mail in the conversations.
	PublicNotesAreMailed bool
}

// Guesses are what the reference marks as inferred, open or disputed. Zero is the fake's guess.
type Guesses struct {
	AccessDeniedStatus   int  // 400, or 200
	FailedRefreshesCount bool // towards the window
	SlidingWindow        bool // instead of one that begins with its first refresh
	MillisecondExpiry    bool // expires_in in ms beside expires_in_sec, as older products
	OmitScope            bool // no scope in token answers
	ClientCredentials    bool // the grant works; otherwise invalid_scope
	RevokeStatusFailure  bool // {"status":"failure"} instead of {"error":"invalid_token"}

	InvalidToken      InvalidToken
	ScopeStatus       int    // 401, or 403
	UsersScope        string // users, or setup
	WrongPortal       WrongPortal
	CloudTechnicians  Existence // /technicians
	CloudGroups       Existence // /groups
	Spelling          Spelling  // of pickup, restore and upload in the cloud
	NoteListKey       string    // notes, or request_notes
	PlainCommentLists bool      // comments instead of project_comments, milestone_comments, task_comments
	NewProjectNames   bool      // code and type in the cloud
	RequestedBy       bool      // instead of requester in the cloud's projects
	SolutionTrash     Methods   // of /solutions/{id}/_move_to_trash
	DeleteInput       Place     // where a DELETE's input_data is read
	// BareAssociations has the envelope of an associated change be called as its path, without _association.
	BareAssociations bool
	DeleteTypeTaken  bool // DELETE …?delete_type=permanent purges in the cloud
	History          bool // /requests/{id}/history and /_history exist

	RowCountCapped      bool // above 100; otherwise 4014
	StartIndexZero      StartIndexZero
	SortFieldsRefused   bool // the array form
	CaseSensitiveNames  bool // in criteria
	UnknownFieldsTaken  bool // in fields_required, otherwise 4001
	RawBracketsTaken    bool // in a query that is not percent-encoded; otherwise 400 in HTML
	NullRefused         bool // instead of clearing the field
	HoldWithoutComments bool // On Hold needs no onhold_scheduler.comments
	StatusNeedsComment  bool // a change's status does not change without a comment

	MissingInputCode int   // 4012, or 4000
	ReadOnlyCode     int   // 4009, or 4014
	ClosedCode       int   // 4002, or 4009
	BulkObject       bool  // one status with a message for each id; otherwise an array of statuses
	StageJumpCode    int   // 4014: a change outside its workflow
	RateLimitStatus  int   // 429, or 400
	CreatedStatus    int   // 201, or 200
	FailWithOK       []int // message codes that are answered with HTTP 200

	DurationValueOnly bool // time_spent has no hours and minutes in the cloud
	SizeObject        bool // attachments have {value, display_value} in the cloud
}

// InvalidToken is how a cloud token that is unknown or expired is refused; always with HTTP 401.
type InvalidToken int

// The ways.
const (
	InvalidToken4022  InvalidToken = iota
	InvalidTokenOAuth              // {"error":"INVALID_OAUTHTOKEN"}, no SDP body
	InvalidTokenHTML
)

// WrongPortal is what an unknown portal answers.
type WrongPortal int

// The ways.
const (
	PortalLoginPage WrongPortal = iota // 200 in HTML
	PortalNotFound                     // 404 and 4007
	PortalForbidden                    // 401 and 4002
)

// Existence is whether a disputed path is there.
type Existence int

// The ways.
const (
	Exists Existence = iota
	AnswersUnauthorized
	AnswersNotFound
)

// Spelling is how cloud actions are written that the reference leaves open.
type Spelling int

// The ways.
const (
	BothSpellings Spelling = iota
	PlainSpelling
	UnderscoreSpelling
)

// Methods are the HTTP methods that an action is called by.
type Methods int

// The ways.
const (
	PutOrDelete Methods = iota
	PutAlone
	DeleteAlone
)

// Place is where an input is read.
type Place int

// The ways.
const (
	QueryOrForm Place = iota
	QueryAlone
	FormAlone
)

// StartIndexZero is what list_info.start_index 0 means.
type StartIndexZero int

// The ways.
const (
	ZeroIsOne StartIndexZero = iota
	ZeroRefused
)

// DefaultScopes returns what an installation of Lectern asks for.
func DefaultScopes() []string {
	return []string{
		"SDPOnDemand.requests.ALL", "SDPOnDemand.projects.ALL", "SDPOnDemand.problems.ALL", "SDPOnDemand.changes.ALL",
		"SDPOnDemand.solutions.READ", "SDPOnDemand.assets.READ", "SDPOnDemand.users.READ", "SDPOnDemand.setup.READ", "SDPOnDemand.general.ALL",
	}
}

// StrictTemplate returns a long list of mandatory fields, for Site.MandatoryFields.
func StrictTemplate() []string {
	return []string{"mode", "request_type", "urgency", "level", "impact", "category", "subcategory", "status"}
}

func (o Options) withDefaults() Options {
	if o.Portal == "" && o.Edition == Cloud {
		o.Portal = "itdesk"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Scopes == nil {
		o.Scopes = DefaultScopes()
	}
	setDefault(&o.ClientID, "1000.FAKECLIENTFAKECLIENTFAKECLIENT")
	setDefault(&o.ClientSecret, "fake-client-secret-0123456789abcdef")
	setDefault(&o.RedirectURI, "https://lectern.example.org/callback")
	setDefault(&o.APIKey, "FAKE0API0KEY0-0000-4000-8000-000000000001")
	setDefault(&o.JournalSize, 100_000)
	l := &o.Limits
	setDefault(&l.AccessTokenLifetime, time.Hour)
	setDefault(&l.GrantCodeLifetime, 3*time.Minute)
	setDefault(&l.AccountsWindow, 10*time.Minute)
	setDefault(&l.RefreshesPerWindow, 10)
	setDefault(&l.GrantCodesPerWindow, 10)
	setDefault(&l.AccessTokensAlive, 15)
	setDefault(&l.RefreshTokensPerUser, 20)
	g := &o.Guesses
	setDefault(&g.AccessDeniedStatus, 400)
	setDefault(&g.ScopeStatus, 401)
	setDefault(&g.UsersScope, "users")
	setDefault(&g.NoteListKey, "notes")
	setDefault(&g.MissingInputCode, 4012)
	setDefault(&g.ReadOnlyCode, 4009)
	setDefault(&g.ClosedCode, 4002)
	setDefault(&g.StageJumpCode, 4014)
	setDefault(&g.RateLimitStatus, 429)
	setDefault(&g.CreatedStatus, 201)
	setDefault(&o.Site.UnlicensedCode, 4002)
	o.Site.Absent = slices.Clone(o.Site.Absent)
	return o
}

func setDefault[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}
