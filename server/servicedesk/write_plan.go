package servicedesk

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/server/tool"
)

// planLifetime is how long the plan of a dry run is good for.
const planLifetime = 10 * time.Minute

// PlanSealer seals plans of dry runs, by keys that all replicas have. What was sealed opens for everybody: who it is for is inside.
type PlanSealer interface {
	SealPlan(plan []byte) (string, error)
	OpenPlan(sealed string) ([]byte, error)
}

// writePlan is what a dry run returned, and so what its caller may be taken to have seen.
type writePlan struct {
	Connection string `json:"connection"`
	Caller     string `json:"caller"`
	// Digest is of the tool and its arguments.
	Digest []byte `json:"digest"`
	Tool   string `json:"tool"`
	// Shown has a digest of each value that was shown, in the order of their names.
	Shown   []byte `json:"shown"`
	Nonce   string `json:"nonce"`
	Expires int64  `json:"expires"`
}

// maxWideShown is how many values have digests of 8 bytes in a plan. Of more, as a bulk has, each has 4: a model repeats the plan.
const maxWideShown = 64

// shownBytes is how much of the digest of each of some values is in a plan.
func shownBytes(values int) int {
	if values <= maxWideShown {
		return 8
	}
	return 4
}

// joinShown returns what a person is shown, in one text.
func joinShown(shown map[string]string) string {
	var b strings.Builder
	for _, name := range sortedKeys(shown) {
		fmt.Fprintf(&b, "%s: %q\n", name, shown[name])
	}
	return b.String()
}

// digestShown returns what a plan keeps of what was shown. Digests are keyed by the plan's nonce, which nobody reads: what they are of cannot
// be chosen to be alike.
func (r *writeRequest) digestShown(nonce string) (names []string, digests []byte) {
	shown := r.shown
	if shown == nil {
		shown = map[string]string{"what it asks": r.question.Message}
	}
	for _, name := range sortedKeys(shown) {
		digest := hmac.New(sha256.New, []byte(nonce))
		digest.Write([]byte(name + "\x00" + shown[name]))
		names, digests = append(names, name), append(digests, digest.Sum(nil)[:shownBytes(len(shown))]...)
	}
	return names, digests
}

// makePlan returns the plan of a dry run; nothing where nobody has a key for it.
func (d *desk) makePlan(w *write, r *writeRequest) (string, error) {
	if d.service.plans == nil {
		return "", nil
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // it never fails
	nonce := base64.RawURLEncoding.EncodeToString(random)
	_, shown := r.digestShown(nonce)
	plan, err := json.Marshal(writePlan{
		Connection: d.uid, Caller: w.intent.Caller, Digest: w.intent.Digest, Tool: r.tool, Shown: shown,
		Nonce: nonce, Expires: time.Now().Add(planLifetime).Unix(),
	})
	if err != nil {
		return "", fmt.Errorf("write a plan: %w", err)
	}
	return d.service.plans.SealPlan(plan)
}

// againWithoutPlan ends refusals of plans.
const againWithoutPlan = "; call with dry_run=true for another"

// readPlan returns the nonce of a plan, or why it does not confirm this write.
func (d *desk) readPlan(ctx context.Context, w *write, r *writeRequest) (nonce string, err error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", tool.NewConflict("argument %q: "+format+againWithoutPlan, append([]any{"plan"}, args...)...)
	}
	if d.service.plans == nil {
		return refuse("this server takes no plans")
	}
	raw, err := d.service.plans.OpenPlan(*r.plan)
	var plan writePlan
	if err != nil || json.Unmarshal(raw, &plan) != nil {
		d.service.log.InfoContext(ctx, "A plan cannot be opened", "connection", d.key, "tool", r.tool, "err", err)
		return refuse("it is no plan of this server's, or was changed")
	}
	names, shown := r.digestShown(plan.Nonce)
	switch {
	case plan.Caller != w.intent.Caller:
		return refuse("it is another caller's")
	case plan.Connection != d.uid:
		return refuse("it is of another connection")
	case plan.Tool != r.tool:
		return refuse("it is of the tool %s", plan.Tool)
	case !bytes.Equal(plan.Digest, w.intent.Digest):
		return refuse("it is of other arguments")
	case time.Now().Unix() >= plan.Expires:
		return refuse("it is older than %s", "10 minutes")
	case len(plan.Shown) != len(shown):
		return refuse("what it is about is not what was shown")
	}
	width, moved := shownBytes(len(names)), []string{}
	for i, name := range names {
		if at := i * width; !r.isSo[name] && !bytes.Equal(plan.Shown[at:at+width], shown[at:at+width]) {
			moved = append(moved, name)
		}
	}
	if len(moved) > 0 && !r.refusesEach {
		return refuse("%s", sayMoved(moved))
	}
	w.moved, w.hasPlan = moved, true
	return plan.Nonce, nil
}

// maxMoved is how many values a refusal names that are not what was shown.
const maxMoved = 5

// sayMoved says of what was shown that it is not so any more.
func sayMoved(names []string) string {
	are := "is"
	if len(names) > 1 {
		are = "are"
	}
	return strings.Join(names[:min(len(names), maxMoved)], ", ") + " " + are + " not what was shown any more"
}

type unlistedPlanKey struct{}

// planArgument is taken by all tools that write.
const planArgument = "plan"

// UnlistedArguments returns those that tools that write take though some of them do not show it.
func UnlistedArguments() []string { return []string{planArgument} }

// takeUnlistedPlan takes the plan from the arguments of a tool that does not show that it takes one.
func takeUnlistedPlan(ctx context.Context, t *tool.Tool, given map[string]json.RawMessage) (context.Context, map[string]json.RawMessage) {
	var plan string
	if raw, has := given[planArgument]; !has || t.Takes(planArgument) || json.Unmarshal(raw, &plan) != nil {
		return ctx, given
	}
	rest := make(map[string]json.RawMessage, len(given))
	for name, value := range given {
		if name != planArgument {
			rest[name] = value
		}
	}
	return context.WithValue(ctx, unlistedPlanKey{}, &plan), rest
}

func unlistedPlan(ctx context.Context) *string {
	plan, _ := ctx.Value(unlistedPlanKey{}).(*string)
	return plan
}
