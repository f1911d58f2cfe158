package sdp

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCriteria_Encode(t *testing.T) {
	t.Parallel()
	a, b, c, d := Where("a", Is, "1"), Where("b.name", Contains, "2"), Where("c", Is, ByID("3")), Where("d", Is, "x", "y")
	for name, tc := range map[string]struct {
		criteria Criteria
		want     string
	}{
		"nothing":             {Criteria{}, ``},
		"one is an object":    {a, `{"field":"a","condition":"is","value":"1"}`},
		"several values":      {d, `{"field":"d","condition":"is","values":["x","y"]}`},
		"a reference":         {c, `{"field":"c","condition":"is","value":{"id":"3"}}`},
		"false":               {Where("a", Is, false), `{"field":"a","condition":"is","value":false}`},
		"empty":               {IsEmpty("a"), `{"field":"a","condition":"is","values":[]}`},
		"not empty":           {IsNotEmpty("a"), `{"field":"a","condition":"is not","values":[]}`},
		"times":               {Where("a", Between, time.UnixMilli(1), time.UnixMilli(2)), `{"field":"a","condition":"between","values":["1","2"]}`},
		"AND":                 {All(a, b), `[{"field":"a","condition":"is","value":"1"},{"field":"b.name","condition":"contains","value":"2","logical_operator":"AND"}]`},
		"OR":                  {Any(a, b), `[{"field":"a","condition":"is","value":"1","children":[{"field":"b.name","condition":"contains","value":"2","logical_operator":"OR"}]}]`},
		"A AND (B OR C)":      {All(a, Any(b, c)), `[{"field":"a","condition":"is","value":"1"},{"field":"b.name","condition":"contains","value":"2","logical_operator":"AND","children":[{"field":"c","condition":"is","value":{"id":"3"},"logical_operator":"OR"}]}]`},
		"(A AND B) OR C":      {Any(All(a, b), c), `[{"field":"a","condition":"is","value":"1","children":[{"field":"c","condition":"is","value":{"id":"3"},"logical_operator":"OR"}]},{"field":"b.name","condition":"contains","value":"2","logical_operator":"AND","children":[{"field":"c","condition":"is","value":{"id":"3"},"logical_operator":"OR"}]}]`},
		"all beside one":      {All(Criteria{}, a), `{"field":"a","condition":"is","value":"1"}`},
		"any of all":          {Any(a, Criteria{}), ``},
		"all that is in none": {Any(), ``},
	} {
		got, err := tc.criteria.encode(func(field string) string { return field })
		if diff := cmp.Diff(tc.want, string(got)); diff != "" || err != nil || tc.criteria.IsZero() != (tc.want == "") {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestCriteria_Refuses(t *testing.T) {
	t.Parallel()
	many := make([]any, 0)
	var all []Criteria
	for i := range 11 {
		many = append(many, i)
		all = append(all, Where("a", Is, i))
	}
	for name, c := range map[string]Criteria{
		"no field": Where("", Is, 1), "a field that is none": Where(`a","x":"`, Is, 1), "dots": Where("a..b", Is, 1), "an operator": Where("a", "matches", 1),
		"no value": Where("a", Is, many[:0]...), "between one": Where("a", Between, 1), "a value of a type": Where("a", Is, 1.5), "a map": Where("a", Is, Fields{}),
		"too many": Any(All(all...), All(all...)), "an error in it": All(Where("a", Is, 1), Any(Where("b", Is, 1), Where("", Is, 1))),
	} {
		if _, err := c.encode(func(field string) string { return field }); err == nil || c.IsZero() {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestCriteria_Ceiling: whatever a caller asks for, each record that is selected is within the ceiling.
func TestCriteria_Ceiling(t *testing.T) {
	t.Parallel()
	ceiling := Any(Where("group.name", Is, "Service desk", "Network"), IsEmpty("group"))
	encoded, err := ceiling.encode(func(field string) string { return field })
	if err != nil {
		t.Fatal(err)
	}
	first := strings.TrimSuffix(strings.TrimPrefix(string(encoded), "["), "]")
	for name, asked := range map[string]Criteria{
		"nothing": {}, "another group": Where("group.name", Is, "HR"), "one or all": Any(Where("id", IsNot, "0"), Where("group.name", Is, "HR")),
		"everything": Any(Where("a", Is, 1), Criteria{}), "both": Any(All(Where("a", Is, 1), Where("b", Is, 2)), Where("c", Is, 3)),
	} {
		got, err := All(ceiling, asked).encode(func(field string) string { return field })
		// Elements of the list are joined by AND alone, and the first is the ceiling.
		if err != nil || !strings.HasPrefix(string(got), "["+first) || strings.Count(string(got), `"OR"`) != strings.Count(string(got), `,"logical_operator":"OR"}`) {
			t.Errorf("%s: %s %v", name, got, err)
		}
		var elements []criterion
		if asked.IsZero() {
			continue
		}
		for _, raw := range mustParse(t, `{"list":`+string(got)+`}`).Objects("list")[1:] {
			elements = append(elements, criterion{LogicalOperator: raw.Text("logical_operator")})
		}
		for _, element := range elements {
			if element.LogicalOperator != "AND" {
				t.Errorf("%s: joined by %q", name, element.LogicalOperator)
			}
		}
	}
}

func TestListOptions_Refuses(t *testing.T) {
	t.Parallel()
	d := answerAlways(fixtureCloudNotes)
	for _, o := range []ListOptions{{Rows: 101}, {Rows: -1}, {Start: -1}, {Sort: "a b"}, {Fields: []string{`"`}}, {Where: Where("", Is, 1)}} {
		if _, err := newClient(t, Cloud, d, nil).Requests().List(t.Context(), o); KindOf(err) != KindInvalidInput {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if len(d.received) != 0 {
		t.Errorf("sent: %v", d.calls())
	}
}

// TestCollect reads pages of a server that gives fewer rows than it is asked for, and of one that says that there are more for ever.
func TestCollect(t *testing.T) {
	t.Parallel()
	rows := func(n, from int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"id":"%d"}`, from+i))
		}
		return strings.Join(list, ",")
	}
	serve := func(all, each int, isLiar bool) *desk {
		return &desk{answer: func(_ int, e exchange) (*http.Response, error) {
			input := mustParse(t, strings.TrimPrefix(e.input, "query ")).Object("list_info")
			start, _ := input.Int("start_index")
			n := max(min(each, all-int(start)+1), 0)
			more := isLiar || int(start)+n <= all
			return respond(200, "", fmt.Sprintf(`{"response_status":[{"status_code":2000}],"list_info":{"has_more_rows":%v,"row_count":%d,"total_count":%d},"requests":[%s]}`, more, n, all, rows(n, int(start))))
		}}
	}
	for name, tc := range map[string]struct {
		all, each int
		isLiar    bool
		most      int
		want      int
		complete  bool
		calls     int
	}{
		"in one page":           {all: 3, each: 100, most: 10, want: 3, complete: true, calls: 1},
		"in several":            {all: 25, each: 10, most: 100, want: 25, complete: true, calls: 3},
		"as many as are wanted": {all: 25, each: 10, most: 15, want: 15, calls: 2},
		"exactly all":           {all: 20, each: 10, most: 20, want: 20, complete: true, calls: 2},
		"nothing":               {all: 0, each: 10, most: 10, want: 0, complete: true, calls: 1},
		"more for ever":         {all: 20, each: 10, isLiar: true, most: 100, want: 20, complete: true, calls: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := serve(tc.all, tc.each, tc.isLiar)
			items, complete, err := Collect(t.Context(), newClient(t, Cloud, d, nil).Requests().List, ListOptions{}, tc.most)
			if err != nil || len(items) != tc.want || complete != tc.complete || len(d.received) != tc.calls {
				t.Errorf("%d items, complete %v, %d calls, %v", len(items), complete, len(d.received), err)
			}
			for i, item := range items {
				if item.ID != fmt.Sprint(i+1) {
					t.Fatalf("row %d is %s", i+1, item.ID)
				}
			}
		})
	}
	page, err := newClient(t, Cloud, serve(25, 10, false), nil).Requests().List(t.Context(), ListOptions{Start: 11, Rows: 10, CountAll: true})
	if err != nil || page.Total != 25 || page.Next != 21 {
		t.Errorf("%+v %v", page, err)
	}
}

func TestParseDisplayID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"31": "31", "#31": "31", "RE-31": "31", " re-31 ": "31", "": "", "#": "", "x": "", "31 or 1=1": "", "100000000000031001": "", "-31": "", "3.1": "",
	} {
		if got, ok := ParseDisplayID(text); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", text, got, ok)
		}
	}
}

// TestFindByDisplayID: a server that ignores criteria does not give another request for the one that was asked for.
func TestFindByDisplayID(t *testing.T) {
	t.Parallel()
	d := answerAlways(`{"response_status":[{"status_code":2000}],"requests":[` + fixtureRequestRow + `]}`)
	requests := newClient(t, Cloud, d, nil).Requests()
	if found, err := requests.FindByDisplayID(t.Context(), "#31", Where("group.name", Is, "a"), "group"); err != nil || found.ID != "100000000000031001" {
		t.Errorf("%v %v", found.ID, err)
	}
	if _, err := requests.FindByDisplayID(t.Context(), "32", Criteria{}); KindOf(err) != KindNotFound {
		t.Errorf("another one: %v", err)
	}
}

// TestLimiter: never more than the rate in any minute, nor more than the burst at once, whoever asks.
func TestLimiter(t *testing.T) {
	throughTime(t, func(t *testing.T) {
		for _, rate := range [][2]int{{30, 10}, {30, 30}, {1, 1}, {60, 1}, {7, 3}} {
			limiter := NewLimiter(rate[0], rate[1], time.Hour)
			var turns []time.Time
			for range 5*rate[0] + 5 {
				if err := limiter.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				turns = append(turns, time.Now())
			}
			for i, at := range turns {
				inMinute, atOnce := 0, 0
				for _, other := range turns[i:] {
					if other.Sub(at) < time.Minute {
						inMinute++
					}
					if other.Equal(at) {
						atOnce++
					}
				}
				if inMinute > rate[0] || atOnce > max(rate[1], 1) {
					t.Fatalf("%v: %d in a minute, %d at once", rate, inMinute, atOnce)
				}
			}
		}
	})
}

func TestLimiter_Pause(t *testing.T) {
	throughTime(t, func(t *testing.T) {
		limiter := NewLimiter(30, 10, 10*time.Second)
		limiter.Pause(t.Context(), 5*time.Second)
		limiter.Pause(t.Context(), time.Second)
		begun := time.Now()
		if err := limiter.Wait(t.Context()); err != nil || time.Since(begun) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		limiter.Pause(t.Context(), time.Minute)
		begun = time.Now()
		if err, is := limiter.Wait(t.Context()).(*WaitError); !is || err.RetryAfter != time.Minute || time.Since(begun) != 0 {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		bounded, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := limiter.Wait(bounded); err == nil {
			t.Error("a turn after the deadline is given")
		}
	})
}
