package writetally

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var begin = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }

func note(calls ...Call) Write {
	return Write{Token: "write-000001", Tool: "add_note", Makes: true, Calls: calls}
}

func update(calls ...Call) Write {
	return Write{Token: "write-000001", Tool: "update_request", Calls: calls}
}

func told(answer Answer, key string) Call { return Call{Key: key, Told: answer} }

func sent(number int, mark string) Sent {
	return Sent{Number: number, Op: "POST note", Token: "write-000001", Mark: mark, At: at(1), CarriedOut: true}
}

func intent(mark, outcome string) Intent {
	i := Intent{ID: "i-" + mark, Tool: "add_note", Mark: mark, HasText: true, Outcome: outcome, Begun: at(0), Deadline: at(10)}
	if outcome != "" {
		i.Ended = at(2)
	}
	return i
}

func onTarget(s Sent, target string) Sent {
	s.Target = target
	return s
}

func ofTarget(i Intent, target string) Intent {
	i.Target = target
	return i
}

func TestFindViolations(t *testing.T) {
	t.Parallel()
	late, denied := sent(1, "aaaaaa"), sent(1, "aaaaaa")
	late.At, denied.CarriedOut = at(12.5), false
	stranger := sent(1, "aaaaaa")
	stranger.Token = ""
	for name, tc := range map[string]struct {
		account Account
		want    []string
	}{
		"one write, told and stored as it was": {
			account: Account{Writes: []Write{note(told(ToldDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa")}, Intents: []Intent{intent("aaaaaa", "done")}},
		},
		"an answer that was lost, asked again": {
			account: Account{Writes: []Write{note(told(ToldUnknown, "k"), told(ToldRefused, "k"), told(ToldDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa")}, Intents: []Intent{intent("aaaaaa", "done")}},
		},
		"two keys of one text are two notes": {
			account: Account{
				Writes: []Write{note(told(ToldDone, "k"), told(ToldDone, "l"))}, Sent: []Sent{sent(1, "aaaaaa"), sent(2, "bbbbbb")},
				Intents: []Intent{intent("aaaaaa", "done"), intent("bbbbbb", "done")},
			},
		},
		"one key sent twice by two intents": {
			account: Account{
				Writes: []Write{note(told(ToldDone, "k"), told(ToldDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa"), sent(2, "bbbbbb")},
				Intents: []Intent{intent("aaaaaa", "done"), intent("bbbbbb", "done")},
			},
			want: []string{"add_note write-000001: was made 2 times, and asked for 1"},
		},
		"no key, twice at once": {
			account: Account{
				Writes: []Write{note(told(ToldDone, ""), told(ToldDone, ""))}, Sent: []Sent{sent(1, "aaaaaa"), sent(2, "bbbbbb")},
				Intents: []Intent{intent("aaaaaa", "done"), intent("bbbbbb", "done")},
			},
			want: []string{"add_note write-000001: was made 2 times, and asked for 1"},
		},
		"one intent sent twice": {
			account: Account{
				Writes: []Write{note(told(ToldDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa"), sent(2, "aaaaaa")}, Intents: []Intent{intent("aaaaaa", "done")},
			},
			want: []string{"add_note write-000001: was made 2 times, and asked for 1", "intent i-aaaaaa of add_note was carried out 2 times"},
		},
		"told to be done, and lost": {
			account: Account{Writes: []Write{note(told(ToldDone, "k"))}, Sent: []Sent{denied}, Intents: []Intent{intent("aaaaaa", "done")}},
			want: []string{
				"add_note write-000001: was told to be done 1 times, and carried out 0", "intent i-aaaaaa of add_note is done, and was not carried out",
			},
		},
		"an update that was lost": {
			account: Account{Writes: []Write{update(told(ToldDone, ""))}, Sent: []Sent{denied}, Intents: []Intent{intent("aaaaaa", "not_done")}},
			want:    []string{"update_request write-000001: was told to be done 1 times, and carried out 0"},
		},
		"an update that was made again after an unknown outcome": {
			account: Account{
				Writes: []Write{update(told(ToldUnknown, ""), told(ToldDone, ""))}, Sent: []Sent{sent(1, "aaaaaa"), sent(2, "bbbbbb")},
				Intents: []Intent{intent("aaaaaa", "done"), intent("bbbbbb", "done")},
			},
		},
		"an update that was lost, and made by an equal call": {
			account: Account{
				Writes:  []Write{update(told(ToldUnknown, ""), told(ToldDone, ""))},
				Sent:    []Sent{onTarget(denied, "ticket 1"), onTarget(sent(2, "bbbbbb"), "ticket 1")},
				Intents: []Intent{ofTarget(intent("aaaaaa", "done"), "ticket 1"), ofTarget(intent("bbbbbb", "done"), "ticket 1")},
			},
		},
		"an update that was lost, and another one made": {
			account: Account{
				Writes:  []Write{update(told(ToldUnknown, ""), told(ToldDone, ""))},
				Sent:    []Sent{onTarget(denied, "ticket 1"), onTarget(sent(2, "bbbbbb"), "ticket 2")},
				Intents: []Intent{ofTarget(intent("aaaaaa", "done"), "ticket 1"), ofTarget(intent("bbbbbb", "done"), "ticket 2")},
			},
			want: []string{"intent i-aaaaaa of add_note is done, and was not carried out"},
		},
		"told not to be done, and done": {
			account: Account{Writes: []Write{note(told(ToldNotDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa")}, Intents: []Intent{intent("aaaaaa", "not_done")}},
			want: []string{
				"add_note write-000001: was carried out 1 times, and told not to be done but 0", "intent i-aaaaaa of add_note is not_done, and was carried out",
			},
		},
		"an update told not to be done, and done": {
			account: Account{Writes: []Write{update(told(ToldNotDone, ""), told(ToldRefused, ""))}, Sent: []Sent{sent(1, "aaaaaa")}, Intents: []Intent{intent("aaaaaa", "indeterminate")}},
			want:    []string{"update_request write-000001: was told not to be done each time, and carried out 1 times"},
		},
		"an unknown outcome decided as not done, and done": {
			account: Account{Writes: []Write{note(told(ToldUnknown, "k"), told(ToldNotDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa")}, Intents: []Intent{intent("aaaaaa", "indeterminate")}},
			want:    []string{"add_note write-000001: was carried out 1 times, and told not to be done but 0"},
		},
		"sent after its deadline": {
			account: Account{Writes: []Write{note(told(ToldUnknown, "k"))}, Sent: []Sent{late}, Intents: []Intent{intent("aaaaaa", "done")}, ClockSlack: time.Second},
			want:    []string{"call 1, POST note, was sent 2.5 s after the deadline of intent i-aaaaaa"},
		},
		"sent before its deadline, as far as a busy machine can tell": {
			account: Account{Writes: []Write{note(told(ToldUnknown, "k"))}, Sent: []Sent{late}, Intents: []Intent{intent("aaaaaa", "done")}, ClockSlack: 3 * time.Second},
		},
		"sent without an intent": {
			account: Account{Writes: []Write{note(told(ToldDone, "k"))}, Sent: []Sent{sent(1, "aaaaaa")}},
			want:    []string{"call 1, POST note, has no intent"},
		},
		"sent for nobody": {
			account: Account{Sent: []Sent{stranger}, Intents: []Intent{intent("aaaaaa", "done")}},
			want:    []string{"call 1, POST note, is of no write that anybody asked for"},
		},
		"an update that a later one replaced": {
			account: Account{
				Writes:  []Write{{Token: "write-000001", Calls: []Call{told(ToldDone, "")}}, {Token: "write-000002", Calls: []Call{told(ToldUnknown, "")}}},
				Sent:    []Sent{sent(1, "aaaaaa")},
				Intents: []Intent{intent("aaaaaa", "done")},
				Records: []Record{{Name: "ticket 1", Token: "write-000002", Order: []string{"write-000001", "write-000002"}}},
			},
		},
		"an update that an earlier one replaced": {
			account: Account{
				Writes:  []Write{{Token: "write-000001", Calls: []Call{told(ToldDone, "")}}, {Token: "write-000002", Calls: []Call{told(ToldUnknown, "")}}},
				Sent:    []Sent{sent(1, "aaaaaa")},
				Intents: []Intent{intent("aaaaaa", "done")},
				Records: []Record{{Name: "ticket 1", Token: "write-000000", Order: []string{"write-000000", "write-000001", "write-000002"}}},
			},
			want: []string{`ticket 1 bears "write-000000", and write-000001 was told to be done after it`},
		},
		"an intent that nobody ended": {
			account: Account{Writes: []Write{note(told(ToldUnknown, "k"))}, Intents: []Intent{intent("aaaaaa", "")}, IsDecided: true},
			want:    []string{"intent i-aaaaaa of add_note has no outcome"},
		},
		"an intent that nobody had time to end": {
			account: Account{Writes: []Write{note(told(ToldUnknown, "k"))}, Intents: []Intent{intent("aaaaaa", "")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, tc.account.FindViolations()); diff != "" {
				t.Errorf("other violations (-want +got)\n%s", diff)
			}
		})
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	call := func(from, to float64, where string, answer Answer) Call {
		return Call{Key: "k", Told: answer, Where: where, Began: at(from), Ended: at(to)}
	}
	write := func(token string, calls ...Call) Write {
		return Write{Token: token, Tool: "add_note", Makes: true, Calls: calls}
	}
	dropped := sent(1, "aaaaaa")
	dropped.Fault = "dropped after"
	other := sent(2, "bbbbbb")
	other.Token = "write-000002"
	disturbed := intent("cccccc", "indeterminate")
	disturbed.Begun, disturbed.Deadline, disturbed.Ended = at(30), at(40), time.Time{}
	quiet := intent("bbbbbb", "done")
	refused := call(31, 32, "server-2", ToldRefused)
	refused.Words = "too many requests of this caller"
	a := Account{
		Writes: []Write{
			write("write-000001", call(0, 1, "server-1", ToldUnknown), call(2, 3, "server-2", ToldDone)),
			write("write-000002", call(0, 1, "server-1", ToldDone)),
			write("write-000003", call(31, 32, "server-1", ToldUnknown)),
			write("write-000004", refused),
		},
		Sent:         []Sent{dropped, other},
		Intents:      []Intent{intent("aaaaaa", "done"), quiet, disturbed},
		Disturbances: []Disturbance{{Name: "killed", Where: "server-1", Began: at(30), Ended: at(35)}},
	}
	want := Figures{
		Writes: 4, Calls: 5, Sent: 2, CarriedOut: 2, Faults: map[string]int{"dropped after": 1, "killed": 1}, ByTool: map[string]int{"add_note": 4},
		Decided: Share{1, 2}, Succeeded: Share{1, 2},
		Failed: []string{"add_note write-000004 was told last, by call 1: refused, too many requests of this caller"},
	}
	if diff := cmp.Diff(want, a.Count()); diff != "" {
		t.Errorf("other figures (-want +got)\n%s", diff)
	}
	if got := (Share{}).Percent(); got != 100 {
		t.Errorf("of nothing it is %v %%", got)
	}
}

func TestReadTexts(t *testing.T) {
	t.Parallel()
	for input, want := range map[string][2]string{
		`{"request_note":{"description":"<p>It is [again] write-000123b</p><p>— tom through Lectern [k3f2q7]</p>"}}`: {"write-000123b", "k3f2q7"},
		`{"request":{"technician":{"email_id":"tech@example.org"}}}`:                                                 {"", ""},
		`{"request":{"subject":"write-000007"}}`:                                                                     {"write-000007", ""},
	} {
		if token, mark := ReadTexts(input); [2]string{token, mark} != want {
			t.Errorf("%s has %q and %q, want %q", input, token, mark, want)
		}
	}
}
