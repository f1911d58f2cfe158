package sdptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// ControlHandler serves what a test in the same process does by methods: for a fake that runs as a program, on an address of its
// own that nobody but the test reaches. Bodies are JSON.
//
//	GET    /healthz
//	GET    /calls?method=GET&path=/requests/*&accounts=false&wrote=true   {"count", "calls"}; DELETE forgets them
//	GET    /busiest?seconds=60                                            {"count"}: the most calls of the API in such a time
//	PATCH  /options        {"limits", "site", "guesses"} with fields of Limits, Site and Guesses; durations as "1m"; GET shows them
//	POST   /faults         [{"kind": "throttled", "status": 429, …}], see faultSpec; DELETE forgets them
//	POST   /grant-codes    {"scopes"}, answers {"token"}; /refresh-tokens, /access-tokens alike, whose DELETE ends all
//	GET    /records/{table}?name=Open   {"ids"}: all of a table, or that of a name
//	POST   /records/{table}       fields, answers {"id"}; ?parent=requests/31 makes it under another record
//	PATCH  /records/{table}/{id}  fields; GET shows the record, DELETE removes it
func (s *Server) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handle := range map[string]func(*http.Request) (any, error){
		"GET /healthz":                 func(*http.Request) (any, error) { return Record{"status": "ok"}, nil },
		"GET /calls":                   s.controlCalls,
		"DELETE /calls":                func(*http.Request) (any, error) { s.ForgetCalls(); return Record{}, nil },
		"GET /busiest":                 s.controlBusiest,
		"GET /options":                 func(*http.Request) (any, error) { return showSwitches(s.Options()), nil },
		"PATCH /options":               s.controlOptions,
		"POST /faults":                 s.controlFaults,
		"DELETE /faults":               func(*http.Request) (any, error) { s.StopFailing(); return Record{}, nil },
		"POST /grant-codes":            issueBy(s.GrantCode),
		"POST /refresh-tokens":         issueBy(s.RefreshToken),
		"DELETE /refresh-tokens":       func(*http.Request) (any, error) { s.RevokeRefreshTokens(); return Record{}, nil },
		"POST /access-tokens":          issueBy(s.AccessToken),
		"DELETE /access-tokens":        func(*http.Request) (any, error) { s.KillAccessTokens(); return Record{}, nil },
		"POST /records/{table}":        s.controlAdd,
		"GET /records/{table}":         s.controlIDs,
		"GET /records/{table}/{id}":    s.controlShow,
		"PATCH /records/{table}/{id}":  s.controlSet,
		"DELETE /records/{table}/{id}": s.controlRemove,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { answerControl(w, r, handle) })
	}
	return mux
}

// answerControl answers a mistake of the test, also one that a method panics for, with 400.
func answerControl(w http.ResponseWriter, r *http.Request, handle func(*http.Request) (any, error)) {
	answered, err := func() (answered any, err error) {
		defer func() {
			if mistake := recover(); mistake != nil {
				err = fmt.Errorf("%v", mistake)
			}
		}()
		return handle(r)
	}()
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answered = Record{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answered)
}

// readControl reads a body; an empty one is nothing.
func readControl(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil && r.ContentLength != 0 {
		return err
	}
	return nil
}

func (s *Server) controlCalls(r *http.Request) (any, error) {
	query := r.URL.Query()
	match := func(c Call) bool {
		return (query.Get("accounts") == "" || query.Get("accounts") == strconv.FormatBool(c.Accounts)) &&
			(query.Get("wrote") == "" || query.Get("wrote") == strconv.FormatBool(c.Wrote)) &&
			(query.Get("method") == "" || query.Get("method") == c.Method) &&
			(query.Get("path") == "" || To(c.Method, query.Get("path"))(c))
	}
	calls := s.Calls(match)
	return Record{"count": len(calls), "calls": calls}, nil
}

func (s *Server) controlBusiest(r *http.Request) (any, error) {
	seconds, err := strconv.Atoi(r.URL.Query().Get("seconds"))
	if err != nil || seconds < 1 {
		return nil, errors.New("seconds is a whole number")
	}
	return Record{"count": s.Busiest(time.Duration(seconds)*time.Second, ToAPI)}, nil
}

// showSwitches returns the options that a test in another process may alter.
func showSwitches(o Options) Record {
	return Record{"limits": o.Limits, "site": o.Site, "guesses": o.Guesses}
}

func (s *Server) controlOptions(r *http.Request) (any, error) {
	var given struct{ Limits, Site, Guesses map[string]json.RawMessage }
	if err := readControl(r, &given); err != nil {
		return nil, err
	}
	var failed error
	s.Change(func(o *Options) {
		before := *o
		failed = errors.Join(setFields(&o.Limits, given.Limits), setFields(&o.Site, given.Site),
			setFields(&o.Guesses, given.Guesses))
		if failed != nil {
			*o = before
		}
	})
	return showSwitches(s.Options()), failed
}

// setFields sets fields of a struct by their names, in any case; a duration is given as time.ParseDuration reads it.
func setFields(into any, given map[string]json.RawMessage) error {
	of := reflect.ValueOf(into).Elem()
	for name, text := range given {
		at := of.FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, name) })
		if !at.IsValid() {
			return fmt.Errorf("%s has no field %s", of.Type().Name(), name)
		}
		var words string
		if at.Type() == reflect.TypeFor[time.Duration]() && json.Unmarshal(text, &words) == nil {
			span, err := time.ParseDuration(words)
			if err != nil {
				return err
			}
			at.SetInt(int64(span))
			continue
		}
		if err := json.Unmarshal(text, at.Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// issueBy answers what a method issues, with scopes of the caller's or the fake's own.
func issueBy(issue func(...string) string) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var given struct{ Scopes []string }
		if err := readControl(r, &given); err != nil {
			return nil, err
		}
		return Record{"token": issue(given.Scopes...)}, nil
	}
}

// readFields reads the fields of a record, whose numbers are stored as strings; moments are given as RFC 3339 has them.
func readFields(r *http.Request) (Record, error) {
	var given map[string]any
	if err := readControl(r, &given); err != nil {
		return nil, err
	}
	fields, _ := spellNumbers(asRecords(given)).(Record)
	return fields, nil
}

func (s *Server) controlAdd(r *http.Request) (any, error) {
	fields, err := readFields(r)
	if err != nil {
		return nil, err
	}
	table := r.PathValue("table")
	if parent, id, under := strings.Cut(r.URL.Query().Get("parent"), "/"); under {
		return Record{"id": s.AddTo(parent, id, table, fields)}, nil
	}
	return Record{"id": s.Add(table, fields)}, nil
}

func (s *Server) controlSet(r *http.Request) (any, error) {
	fields, err := readFields(r)
	if err != nil {
		return nil, err
	}
	s.Set(r.PathValue("table"), r.PathValue("id"), fields)
	return s.Record(r.PathValue("table"), r.PathValue("id")), nil
}

func (s *Server) controlIDs(r *http.Request) (any, error) {
	if name := r.URL.Query().Get("name"); name != "" {
		return Record{"ids": []string{s.IDOf(r.PathValue("table"), name)}}, nil
	}
	return Record{"ids": s.IDs(r.PathValue("table"))}, nil
}

func (s *Server) controlShow(r *http.Request) (any, error) {
	return s.Record(r.PathValue("table"), r.PathValue("id")), nil
}

func (s *Server) controlRemove(r *http.Request) (any, error) {
	s.Remove(r.PathValue("table"), r.PathValue("id"))
	return Record{}, nil
}
