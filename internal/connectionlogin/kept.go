package connectionlogin

import (
	"slices"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// MaxSpentCodes is how many digests of spent grant codes are kept.
const MaxSpentCodes = 16

// Kept is what is kept of a connection whose grant codes are exchanged, where it survives who exchanges them.
type Kept struct {
	ClientID     string
	RefreshToken redact.Secret
	// Code is the digest of what the refresh token was got for, Spent are those of all codes that were sent, the last one last.
	Code  string
	Spent []string
	// Outcome says in our words what became of the last exchange.
	Outcome string
}

// IsSpent reports whether a code was sent.
func (k Kept) IsSpent(code string) bool { return slices.Contains(k.Spent, code) }

// WithSpent returns what is kept with a code as the last one that was sent.
func (k Kept) WithSpent(code string) Kept {
	k.Spent = append(slices.Clone(k.Spent), code)
	k.Spent = k.Spent[max(0, len(k.Spent)-MaxSpentCodes):]
	k.Outcome = ""
	return k
}

// WithoutSpent returns what is kept without a code that turned out not to have been sent.
func (k Kept) WithoutSpent(code, outcome string) Kept {
	k.Spent = slices.DeleteFunc(slices.Clone(k.Spent), func(spent string) bool { return spent == code })
	k.Outcome = outcome
	return k
}
