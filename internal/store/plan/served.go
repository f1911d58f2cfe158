package plan

import (
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// NotServedError returns why a live prompt has no version under a selector: store.ErrUnresolved when the channel, or
// production for no selector, is stated and never pointed to a stored version, else store.ErrNotFound. Of a fragment it is
// always store.ErrNotFound: those it is hidden from would learn of it by the difference.
func NotServedError(exposure store.Exposure, sel prompt.Selector, channelStated bool) error {
	if exposure == store.Fragment || sel.Version != 0 || sel.Channel != "" && !channelStated {
		return store.ErrNotFound
	}
	return store.ErrUnresolved
}
