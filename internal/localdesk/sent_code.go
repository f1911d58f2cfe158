package localdesk

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// maxCodes bounds how many codes are kept. A person makes each of them by hand.
const maxCodes = 256

// codeOwner is what a grant code was given for. Two folders may have the same one: each finds what came of its own code by that code.
type codeOwner struct {
	Connection  string `json:"connection"`
	ClientID    string `json:"clientID"`
	AccountsURL string `json:"accountsURL"`
}

// sentCode is a grant code that was sent, or is about to be, and what came of it.
type sentCode struct {
	codeOwner
	// Number tells which code was sent later; a clock may go back.
	Number       int    `json:"number"`
	RefreshToken string `json:"refreshToken,omitempty"`
	// Outcome says in our words why nothing came of it.
	Outcome string `json:"outcome,omitempty"`
}

// kept returns what a connection can log in with because of a grant code: what came of that code, whoever sent it, and whatever the
// connection was called then. Without a code, or where nothing came of it, that is what came of the owner's last one.
func (s *state) kept(owner codeOwner, digest string) connectionlogin.Kept {
	own, isSent := s.Codes[digest]
	k := connectionlogin.Kept{ClientID: owner.ClientID, Outcome: own.Outcome}
	if isSent {
		k.Spent = []string{digest}
	}
	if own.RefreshToken != "" {
		k.RefreshToken, k.Code = redact.NewSecret(own.RefreshToken), digest
		return k
	}
	last := 0
	for other, code := range s.Codes {
		if code.codeOwner == owner && code.RefreshToken != "" && code.Number > last {
			last, k.Code, k.RefreshToken = code.Number, other, redact.NewSecret(code.RefreshToken)
		}
	}
	return k
}

// markSent says of a code that it is sent, before it is. Where there are too many, those of which nothing came are forgotten first.
func (s *state) markSent(owner codeOwner, digest string) {
	byUse := slices.SortedFunc(maps.Keys(s.Codes), func(a, b string) int {
		one, other := s.Codes[a], s.Codes[b]
		return cmp.Or(cmp.Compare(min(len(one.RefreshToken), 1), min(len(other.RefreshToken), 1)), cmp.Compare(one.Number, other.Number))
	})
	last := 0
	for _, code := range s.Codes {
		last = max(last, code.Number)
	}
	for _, forgotten := range byUse[:max(0, len(byUse)-maxCodes+1)] {
		delete(s.Codes, forgotten)
	}
	setEntry(&s.Codes, digest, sentCode{codeOwner: owner, Number: last + 1})
}

// keepOutcome keeps what came of a code that was sent: a refresh token, or why there is none.
func (s *state) keepOutcome(owner codeOwner, digest string, refreshToken redact.Secret, outcome string) {
	if _, isMarked := s.Codes[digest]; !isMarked { // in a file that a person moved away meanwhile
		s.markSent(owner, digest)
	}
	code := s.Codes[digest]
	code.RefreshToken, code.Outcome = refreshToken.Reveal(), outcome
	s.Codes[digest] = code
}
