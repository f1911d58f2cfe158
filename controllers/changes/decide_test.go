package changes

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

const id = "6f1c1f0e-0000-4000-8000-000000000001"

// object is an agents' prompt as it is after its first publish.
func object(change ...func(*v1alpha1.Prompt)) *v1alpha1.Prompt {
	p := &v1alpha1.Prompt{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p", UID: "u1", ResourceVersion: "10", Generation: 3},
		Spec:       v1alpha1.PromptSpec{Text: "old"},
		Status:     v1alpha1.PromptStatus{ObservedGeneration: 3, Version: 7},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func deleted(p *v1alpha1.Prompt) {
	p.DeletionTimestamp = new(metav1.Now())
	p.Finalizers = []string{v1alpha1.PromptFinalizer}
}
func marked(p *v1alpha1.Prompt) {
	p.Annotations = map[string]string{v1alpha1.LastChangeAnnotation: id}
}
func touched(p *v1alpha1.Prompt)   { p.ResourceVersion = "11" }
func madeAgain(p *v1alpha1.Prompt) { p.UID, p.ResourceVersion = "u2", "11" }

// retried is seen by the reconciler, which could not reach the database.
func retried(p *v1alpha1.Prompt) {
	p.Status.ObservedGeneration = p.Generation
	p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown}}
}
func unseen(p *v1alpha1.Prompt) { p.Generation, p.ResourceVersion = 4, "11" }
func tracked(p *v1alpha1.Prompt) {
	p.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "app:x"}
}

func asks(action store.Action, change ...func(*store.OpenChange)) store.OpenChange {
	c := store.OpenChange{
		ChangeRequest: store.ChangeRequest{ID: id, Key: store.Key{Namespace: "a", Name: "p"}, Action: action, Subject: "s"},
		State:         store.ChangePending,
	}
	if action != store.ActionDelete {
		c.Edit.Content = new("new")
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// begun is a request whose write of object() was begun, long ago unless young.
func begun(c *store.OpenChange) {
	c.Attempt = 1
	if c.Action != store.ActionAdd {
		c.Intent = store.Intent{UID: "u1", ResourceVersion: "10", Generation: 4}
	}
}
func young(c *store.OpenChange)   { c.MayLand = true }
func overdue(c *store.OpenChange) { c.Overdue = true }
func expects(version int64) func(*store.OpenChange) {
	return func(c *store.OpenChange) { c.ExpectedVersion = version }
}
func channel(name string) func(*store.OpenChange) {
	return func(c *store.OpenChange) { c.Edit = store.Edit{Channel: &store.ChannelEdit{Name: name, Version: 1}} }
}

func TestDecide(t *testing.T) {
	published := store.PublishedState{Owner: store.Owner{UID: "u1", Generation: 3}, Version: 7, Channels: map[string]int64{"beta": 2}}
	text := func(syntax string) v1alpha1.PromptSpec { return v1alpha1.PromptSpec{Text: "new", Syntax: syntax} }
	later, isApplied, forget := verdict{step: stepLater}, verdict{step: stepApplied}, verdict{step: stepForget}
	ends := func(state store.ChangeState, reason string) verdict {
		return verdict{step: stepSettle, state: state, reason: reason}
	}
	conflicts := func(reason string) verdict { return ends(store.ChangeConflict, reason) }
	add, update, remove := store.ActionAdd, store.ActionUpdate, store.ActionDelete
	for name, tc := range map[string]struct {
		request store.OpenChange
		object  *v1alpha1.Prompt
		live    store.PublishedState
		heard   try
		want    verdict
	}{
		"add what is not there":         {request: asks(add), want: verdict{step: stepWrite, spec: text("Plain")}},
		"add what is there":             {request: asks(add), object: object(), want: conflicts(store.ReasonAlreadyExists)},
		"add what is being deleted":     {request: asks(add), object: object(deleted), want: conflicts(store.ReasonAlreadyExists)},
		"add what forged our mark":      {request: asks(add), object: object(marked), want: conflicts(store.ReasonAlreadyExists)},
		"update":                        {request: asks(update), object: object(), want: verdict{step: stepWrite, spec: text("")}},
		"update what is not there":      {request: asks(update), want: conflicts(store.ReasonNotFound)},
		"update what is being deleted":  {request: asks(update), object: object(deleted), want: conflicts(store.ReasonNotFound)},
		"update another's":              {request: asks(update), object: object(tracked), want: ends(store.ChangeRefused, store.ReasonOwnedElsewhere)},
		"update what has no one text":   {request: asks(update), object: object(func(p *v1alpha1.Prompt) { p.Spec.Messages = make([]v1alpha1.Message, 2) }), want: ends(store.ChangeRefused, store.ReasonInvalid)},
		"delete":                        {request: asks(remove), object: object(), want: verdict{step: stepWrite}},
		"delete what is not there":      {request: asks(remove), want: conflicts(store.ReasonNotFound)},
		"delete another's":              {request: asks(remove), object: object(tracked), want: ends(store.ChangeRefused, store.ReasonOwnedElsewhere)},
		"delete what is being deleted":  {request: asks(remove), object: object(deleted), want: verdict{step: stepWrite}},
		"not begun in time":             {request: asks(update, overdue), object: object(), want: ends(store.ChangeExpired, store.ReasonNotBegun)},
		"the expected version":          {request: asks(update, expects(7)), object: object(), live: published, want: verdict{step: stepWrite, spec: text("")}},
		"another version":               {request: asks(update, expects(6)), object: object(), live: published, want: conflicts(store.ReasonVersionMismatch)},
		"a version to come":             {request: asks(update, expects(7)), object: object(unseen), live: published, want: later},
		"a version that never comes":    {request: asks(update, expects(7)), object: object(unseen, func(p *v1alpha1.Prompt) { p.Status.ObservedGeneration = 4 }), live: published, want: verdict{step: stepWrite, spec: text("")}},
		"a version tried again":         {request: asks(update, expects(7)), object: object(unseen, retried), live: published, want: later},
		"published before its status":   {request: asks(update, expects(8)), object: object(unseen), live: store.PublishedState{Owner: store.Owner{UID: "u1", Generation: 4}, Version: 8}, want: verdict{step: stepWrite, spec: text("")}},
		"a channel elsewhere":           {request: asks(update, channel("beta"), expects(3)), object: object(), live: published, want: conflicts(store.ReasonVersionMismatch)},
		"delete another version":        {request: asks(remove, expects(6)), object: object(), live: published, want: conflicts(store.ReasonVersionMismatch)},
		"add was begun, and is there":   {request: asks(add, begun), object: object(marked), want: isApplied},
		"add was begun, and is not":     {request: asks(add, begun), want: conflicts(store.ReasonInterrupted)},
		"add may land yet":              {request: asks(add, begun, young), want: later},
		"add came second, and may land": {request: asks(add, begun, young), object: object(), want: later},
		"add came second, and was told": {request: asks(add, begun, young), heard: try{id, 1}, object: object(), want: conflicts(store.ReasonAlreadyExists)},
		"add was told of what is gone":  {request: asks(add, begun, young), heard: try{id, 1}, want: conflicts(store.ReasonInterrupted)},
		"add came second, long ago":     {request: asks(add, begun), object: object(), want: conflicts(store.ReasonAlreadyExists)},
		"another's add came second":     {request: asks(add, begun, young), heard: try{id, 2}, object: object(), want: later},
		"an earlier request was told":   {request: asks(add, begun, young), heard: try{"another", 1}, object: object(), want: later},
		"update was begun, and is done": {request: asks(update, begun, young), object: object(marked, touched), want: isApplied},
		"update was begun, and is not":  {request: asks(update, begun), object: object(touched), want: verdict{step: stepWrite, spec: text("")}},
		"update may land yet":           {request: asks(update, begun, young), object: object(), want: verdict{step: stepWrite, spec: text("")}},
		"update may land, and is late":  {request: asks(update, begun, young, overdue), object: object(), want: later},
		"update cannot land, late":      {request: asks(update, begun, young, overdue), object: object(touched), want: ends(store.ChangeExpired, store.ReasonNotBegun)},
		"update done, and late":         {request: asks(update, begun, overdue), object: object(marked, touched), want: isApplied},
		"update was begun, object gone": {request: asks(update, begun, young), want: conflicts(store.ReasonNotFound)},
		"update of an earlier life":     {request: asks(update, begun), object: object(madeAgain), want: conflicts(store.ReasonNotFound)},
		"delete was begun, object gone": {request: asks(remove, begun), want: forget},
		"delete of an earlier life":     {request: asks(remove, begun), object: object(madeAgain), want: forget},
		"delete was begun, under way":   {request: asks(remove, begun), object: object(deleted, touched, tracked), want: isApplied},
		"delete was begun, and is not":  {request: asks(remove, begun), object: object(touched), want: verdict{step: stepWrite}},
		"delete may land yet":           {request: asks(remove, begun, young), object: object(tracked), want: later},
	} {
		t.Run(name, func(t *testing.T) {
			got := decide(view{request: tc.request, unproven: true, object: tc.object, live: tc.live, heard: tc.heard})
			if said := got.message != ""; said != (got.step == stepSettle) {
				t.Errorf("step %s says %q", got.step, got.message)
			}
			got.message = ""
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(verdict{})); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecideWantsProof(t *testing.T) {
	got := decide(view{request: asks(store.ActionUpdate), object: object()})
	if got.state != store.ChangeRefused || got.reason != store.ReasonUnproven || !strings.Contains(got.message, "--changes=unproven") {
		t.Errorf("without proof: %+v", got)
	}
	// What an earlier installation began is still found done.
	if got := decide(view{request: asks(store.ActionUpdate, begun), object: object(marked, touched)}); got.step != stepApplied {
		t.Errorf("a write that was made: %+v", got)
	}
}

func TestProposalIsLeftOutWhenNobodyCanReadIt(t *testing.T) {
	before := v1alpha1.PromptSpec{Text: "old"}
	if got, want := proposal(before, v1alpha1.PromptSpec{Text: "new"}), "spec:\n  text: new\n"; got != want {
		t.Errorf("proposal is %q, want %q", got, want)
	}
	if got := proposal(before, v1alpha1.PromptSpec{Text: strings.Repeat("x", longestProposal)}); got != "" {
		t.Errorf("a proposal of %d bytes is shown", len(got))
	}
}

func TestRefusal(t *testing.T) {
	kind := schema.GroupKind{Group: "lectern.dev", Kind: "Prompt"}
	resource := schema.GroupResource{Group: "lectern.dev", Resource: "prompts"}
	for name, tc := range map[string]struct {
		err       error
		reason    string
		contended bool
	}{
		"invalid":              {err: apierrors.NewInvalid(kind, "p", nil), reason: store.ReasonInvalid},
		"bad request":          {err: apierrors.NewBadRequest("what"), reason: store.ReasonInvalid},
		"too large":            {err: apierrors.NewRequestEntityTooLargeError("3 MiB"), reason: store.ReasonInvalid},
		"forbidden":            {err: apierrors.NewForbidden(resource, "p", errors.New("no")), reason: store.ReasonForbidden},
		"no namespace":         {err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a"), reason: store.ReasonNamespaceMissing},
		"conflict":             {err: apierrors.NewConflict(resource, "p", errors.New("newer")), contended: true},
		"already there":        {err: apierrors.NewAlreadyExists(resource, "p"), contended: true},
		"timeout":              {err: apierrors.NewTimeoutError("slow", 1)},
		"internal":             {err: apierrors.NewInternalError(errors.New("oops"))},
		"connection refused":   {err: http.ErrServerClosed},
		"nothing went wrong":   {},
		"service unavailable":  {err: apierrors.NewServiceUnavailable("starting")},
		"too many requests":    {err: apierrors.NewTooManyRequests("later", 1)},
		"no resource":          {err: apierrors.NewGenericServerResponse(http.StatusNotFound, "post", resource, "p", "404 page not found", 0, true)},
		"method not supported": {err: apierrors.NewMethodNotSupported(resource, "create")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := contended(store.ActionAdd, tc.err); got != tc.contended {
				t.Errorf("contended: %t, want %t", got, tc.contended)
			}
			got, final := refusal(store.Key{Namespace: "a", Name: "p"}, tc.err)
			if got.reason != tc.reason || final != (tc.reason != "") {
				t.Errorf("refusal is %+v, %t; want reason %q", got, final, tc.reason)
			}
		})
	}
	if gone := apierrors.NewNotFound(resource, "p"); !contended(store.ActionUpdate, gone) || contended(store.ActionAdd, gone) {
		t.Error("an object that is gone is another's doing for an update, a namespace that is not there for an addition")
	}
}

func TestPrepareSaysTheGenerationToCome(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want store.Intent
	}{
		"another text":  {"new", store.Intent{UID: "u1", ResourceVersion: "10", Generation: 4}},
		"the same text": {"old", store.Intent{UID: "u1", ResourceVersion: "10", Generation: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := prepare(view{request: asks(store.ActionUpdate), object: object()}, v1alpha1.PromptSpec{Text: tc.text})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, w.intent); diff != "" {
				t.Errorf("intent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWentBack(t *testing.T) {
	older := func(p *v1alpha1.Prompt) { p.Generation = 3 }
	for name, tc := range map[string]struct {
		request store.OpenChange
		object  *v1alpha1.Prompt
		want    bool
	}{
		"written, and restored without it":   {asks(store.ActionUpdate, begun), object(older), true},
		"written, and a generation yet old":  {asks(store.ActionUpdate, begun), object(older, marked), false},
		"written":                            {asks(store.ActionUpdate, begun), object(unseen), false},
		"deleted, and there again":           {asks(store.ActionDelete, begun), object(), true},
		"deleted, and held by its finalizer": {asks(store.ActionDelete, begun), object(deleted), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wentBack(tc.request, tc.object); got != tc.want {
				t.Errorf("went back: %t, want %t", got, tc.want)
			}
		})
	}
}
