package change

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

const id = "6f1c1f0e-0000-4000-8000-000000000001"

// An edit of the view that is given to a rule.
type with func(v *View)

// requestFor is a request of an agent for a prompt of which nothing is known.
func requestFor(action store.Action, changes ...with) View {
	v := View{Request: store.ChangeRequest{ID: id, Key: store.Key{Namespace: "a", Name: "p"}, Action: action, Subject: "s"}}
	for _, change := range changes {
		change(&v)
	}
	return v
}

func absent(v *View) { v.Object.Presence = Absent }

// present is an agents' prompt as it is after its first publish.
func present(v *View) { v.Object = Object{Presence: Present, UID: "u1", ResourceVersion: "10"} }

func terminating(v *View)  { v.Object.Presence = Terminating }
func marked(v *View)       { v.Object.LastChange = id }
func touched(v *View)      { v.Object.ResourceVersion = "11" }
func createdAgain(v *View) { v.Object.UID, v.Object.ResourceVersion = "u2", "11" }
func owned(v *View)        { v.Owner = "Argo CD (app:x)" }
func unfit(v *View)        { v.EditError = errors.New("the prompt has 2 messages") }
func unproven(v *View)     { v.Unproven = NewRefusal(store.ReasonUnproven, "no proof") }
func overdue(v *View)      { v.Overdue = true }
func unpublished(v *View)  { v.Unpublished = true }

// begun is a request whose write of present was begun long ago, inFlight one whose write may still succeed.
func begun(v *View) {
	v.Attempt = &Attempt{}
	if v.Request.Action != store.ActionAdd {
		v.Attempt.Intent = store.Intent{UID: "u1", ResourceVersion: "10", Generation: 4}
	}
}
func inFlight(v *View) { begun(v); v.Attempt.InFlight = true }

func expecting(version int64) with {
	return func(v *View) {
		v.Request.ExpectedVersion = version
		v.Published = &store.PublishedState{Version: 7, Channels: map[string]int64{"beta": 2}}
	}
}
func movingChannel(name string) with {
	return func(v *View) { v.Request.Edit.Channel = &store.ChannelEdit{Name: name, Version: 1} }
}
func withdrawing(withdrawn Withdrawn) with {
	return func(v *View) { v.Request.Edit.Withdraw, v.Withdrawn = 3, &withdrawn }
}

func TestDecide(t *testing.T) {
	write, wait := Verdict{Step: StepWrite}, Verdict{Step: StepWait}
	record, forget := Verdict{Step: StepRecord}, Verdict{Step: StepForget}
	ends := func(state store.ChangeState, reason string) Verdict {
		return Verdict{Step: StepReject, Rejection: &Rejection{State: state, Reason: reason}}
	}
	conflicts := func(reason string) Verdict { return ends(store.ChangeConflict, reason) }
	refuses := func(reason string) Verdict { return ends(store.ChangeRefused, reason) }
	expires := ends(store.ChangeExpired, store.ReasonNotBegun)
	add, update, remove := store.ActionAdd, store.ActionUpdate, store.ActionDelete
	for name, tc := range map[string]struct {
		view View
		want Verdict
	}{
		"an unknown action":                        {requestFor("Rename", present), refuses(store.ReasonInvalid)},
		"no action":                                {requestFor("", present), refuses(store.ReasonInvalid)},
		"an unknown action that was begun":         {requestFor("Rename", present, inFlight), wait},
		"add what is not there":                    {requestFor(add, absent), write},
		"add what may be there":                    {requestFor(add), write},
		"add what is there":                        {requestFor(add, present), conflicts(store.ReasonAlreadyExists)},
		"add what is being deleted":                {requestFor(add, present, terminating), conflicts(store.ReasonAlreadyExists)},
		"add what forged our mark":                 {requestFor(add, present, marked), conflicts(store.ReasonAlreadyExists)},
		"add under a reserved name":                {requestFor(add, absent, func(v *View) { v.Reserved = "a file has it" }), conflicts(store.ReasonAlreadyExists)},
		"add what is not valid":                    {requestFor(add, absent, unfit), refuses(store.ReasonInvalid)},
		"add expects no version":                   {requestFor(add, absent, unpublished, expecting(6)), write},
		"update":                                   {requestFor(update, present), write},
		"update what is not there":                 {requestFor(update, absent), conflicts(store.ReasonNotFound)},
		"update what is being deleted":             {requestFor(update, present, terminating), conflicts(store.ReasonNotFound)},
		"update another's":                         {requestFor(update, present, owned), refuses(store.ReasonOwnedElsewhere)},
		"update another's, not valid":              {requestFor(update, present, owned, unfit), refuses(store.ReasonOwnedElsewhere)},
		"update what has no one text":              {requestFor(update, present, unfit), refuses(store.ReasonInvalid)},
		"delete":                                   {requestFor(remove, present), write},
		"delete what is not there":                 {requestFor(remove, absent), conflicts(store.ReasonNotFound)},
		"delete another's":                         {requestFor(remove, present, owned), refuses(store.ReasonOwnedElsewhere)},
		"delete what is being deleted":             {requestFor(remove, present, terminating), write},
		"without proof":                            {requestFor(update, present, unproven), refuses(store.ReasonUnproven)},
		"without proof, but written":               {requestFor(update, present, touched, marked, begun, unproven), record},
		"not begun in time":                        {requestFor(update, present, overdue), expires},
		"the expected version":                     {requestFor(update, present, expecting(7)), write},
		"another version":                          {requestFor(update, present, expecting(6)), conflicts(store.ReasonVersionMismatch)},
		"a version to come":                        {requestFor(update, present, unpublished, expecting(6)), wait},
		"a version to come, and none expected":     {requestFor(update, present, unpublished), write},
		"the channel where it is expected":         {requestFor(update, present, movingChannel("beta"), expecting(2)), write},
		"a channel elsewhere":                      {requestFor(update, present, movingChannel("beta"), expecting(3)), conflicts(store.ReasonVersionMismatch)},
		"a channel nowhere":                        {requestFor(update, present, movingChannel("gamma"), expecting(3)), conflicts(store.ReasonVersionMismatch)},
		"delete another version":                   {requestFor(remove, present, expecting(6)), conflicts(store.ReasonVersionMismatch)},
		"withdraw":                                 {requestFor(update, present, withdrawing(Withdrawn{})), write},
		"withdraw the newest version":              {requestFor(update, present, withdrawing(Withdrawn{Newest: true})), conflicts(store.ReasonVersionMismatch)},
		"withdraw a version in a channel":          {requestFor(update, present, withdrawing(Withdrawn{Channels: []string{"beta"}})), conflicts(store.ReasonVersionMismatch)},
		"add was begun, and is there":              {requestFor(add, present, marked, begun), record},
		"add was begun, and is not":                {requestFor(add, absent, begun), conflicts(store.ReasonInterrupted)},
		"add may land yet":                         {requestFor(add, absent, inFlight), wait},
		"add came second, and may land":            {requestFor(add, present, inFlight), wait},
		"add came second, long ago":                {requestFor(add, present, begun), conflicts(store.ReasonAlreadyExists)},
		"update was begun, and is done":            {requestFor(update, present, marked, touched, inFlight), record},
		"update was begun, and is not":             {requestFor(update, present, touched, begun), write},
		"update may land yet":                      {requestFor(update, present, inFlight), write},
		"update may land, and is late":             {requestFor(update, present, inFlight, overdue), wait},
		"update cannot land, late":                 {requestFor(update, present, touched, inFlight, overdue), expires},
		"update done, and late":                    {requestFor(update, present, marked, touched, begun, overdue), record},
		"update was begun, object gone":            {requestFor(update, absent, inFlight), conflicts(store.ReasonNotFound)},
		"update of an earlier life":                {requestFor(update, present, createdAgain, begun), conflicts(store.ReasonNotFound)},
		"delete was begun, object gone":            {requestFor(remove, absent, begun), forget},
		"delete of an earlier life":                {requestFor(remove, present, createdAgain, begun), forget},
		"delete was begun, under way":              {requestFor(remove, present, terminating, touched, owned, begun), record},
		"delete was begun, and is not":             {requestFor(remove, present, touched, begun), write},
		"delete may land yet":                      {requestFor(remove, present, owned, inFlight), wait},
		"nothing is known of a prompt to update":   {requestFor(update, begun), write},
		"nothing is known of a prompt to delete":   {requestFor(remove, begun), write},
		"nothing is known of an addition in doubt": {requestFor(add, begun), write},
	} {
		t.Run(name, func(t *testing.T) {
			got := Decide(tc.view)
			got.Rule = ""
			if got.Rejection != nil {
				if got.Rejection.Message == "" {
					t.Error("the rejection has no message")
				}
				got.Rejection.Message = ""
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// bites has for each rule a view in which it decides.
var bites = map[string]View{
	"unknownAction":       requestFor("Rename"),
	"alreadyWritten":      requestFor(store.ActionUpdate, present, marked, begun),
	"alreadyDeleted":      requestFor(store.ActionDelete, absent, begun),
	"interruptedAddition": requestFor(store.ActionAdd, absent, begun),
	"deletedMeanwhile":    requestFor(store.ActionUpdate, absent, begun),
	"notProven":           requestFor(store.ActionUpdate, unproven),
	"overdue":             requestFor(store.ActionUpdate, overdue),
	"alreadyExists":       requestFor(store.ActionAdd, present),
	"nameReserved":        requestFor(store.ActionAdd, absent, func(v *View) { v.Reserved = "the file p.yaml is there and has faults; mend it" }),
	"notFound":            requestFor(store.ActionDelete, absent),
	"ownedElsewhere":      requestFor(store.ActionUpdate, present, owned, func(v *View) { v.Proposal = "spec:\n  text: new\n" }),
	"invalidEdit":         requestFor(store.ActionUpdate, unfit),
	"versionPending":      requestFor(store.ActionUpdate, unpublished, expecting(8)),
	"versionMismatch":     requestFor(store.ActionUpdate, expecting(6)),
	"channelMismatch":     requestFor(store.ActionUpdate, movingChannel("gamma"), expecting(3)),
	"withdrawnIsNewest":   requestFor(store.ActionUpdate, withdrawing(Withdrawn{Newest: true})),
	"withdrawnInChannel":  requestFor(store.ActionUpdate, withdrawing(Withdrawn{Channels: []string{"beta", "production"}})),
}

func TestDecide_Messages(t *testing.T) {
	want := map[string]string{
		"unknownAction":       `action "Rename" is not one of Add, Update, Delete`,
		"alreadyWritten":      "",
		"alreadyDeleted":      "",
		"interruptedAddition": "the prompt was about to be created and is not there; it may have been deleted since, so it is not created again; ask again if you want it",
		"deletedMeanwhile":    "the prompt was deleted while it was edited",
		"notProven":           "no proof",
		"overdue":             "the request waited for 10 minutes without being begun, and never will be; nothing was written; ask again",
		"alreadyExists":       "a prompt a/p is there already; update it, or choose another name",
		"nameReserved":        "the name a/p is not free: the file p.yaml is there and has faults; mend it, or choose another name",
		"notFound":            "there is no prompt a/p",
		"ownedElsewhere":      "the prompt a/p is kept by Argo CD (app:x), so it is not changed from here; propose this change of its manifest there:\nspec:\n  text: new\n",
		"invalidEdit":         "the prompt has 2 messages",
		"versionPending":      "",
		"versionMismatch":     "the newest version is 7, not 6; read it and decide again",
		"channelMismatch":     "channel gamma points to no version, not to version 3; read it and decide again",
		"withdrawnIsNewest":   "version 3 is the newest, which the prompt still states; change the prompt with update_prompt, then delete version 3",
		"withdrawnInChannel":  "version 3 is in channel beta, production; move that with set_prompt_channel, then delete version 3",
	}
	got := map[string]string{}
	for _, r := range chain {
		verdict := Decide(bites[r.name])
		if verdict.Rule != r.name {
			t.Errorf("rule %q decides what is to be decided by %q", verdict.Rule, r.name)
		}
		got[r.name] = ""
		if err := verdict.AsError(); err != nil {
			got[r.name] = err.Error()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	begunLate := Decide(requestFor(store.ActionUpdate, present, touched, begun, overdue)).AsError()
	if begunLate == nil || !strings.HasPrefix(begunLate.Error(), "the request could not be written within 10 minutes") {
		t.Errorf("a request that was begun and is late: %v", begunLate)
	}
}
