package writetrace_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/writetrace"
)

func newKeys(t *testing.T) *seal.StorageKeys {
	t.Helper()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	return keys
}

// TestDecode: a trace is read as it was sealed, however a database spells its JSON, and for no other intent.
func TestDecode(t *testing.T) {
	keys, seen := newKeys(t), int64(1700000000000)
	of := writetrace.Intent{ConnectionUID: "u1", ID: "0b0f8e0e-0000-7000-8000-000000000001", Mark: "k3f7q2"}
	trace := sdp.WriteTrace{Record: "request", Look: "changed", Path: "/requests/31", Wanted: []map[string]string{{"b": "2", "a": "1"}}, Seen: &seen}
	stored, err := writetrace.Encode(keys, of, &trace)
	require.NoError(t, err)
	respell := func(change func(map[string]any)) []byte {
		t.Helper()
		var spelled map[string]any
		require.NoError(t, json.Unmarshal(stored, &spelled))
		change(spelled)
		again, err := json.MarshalIndent(spelled, "", " ")
		require.NoError(t, err)
		return again
	}
	for name, tc := range map[string]struct {
		keys   *seal.StorageKeys
		of     writetrace.Intent
		stored []byte
		want   error
	}{
		"as it was sealed":       {keys, of, stored, nil},
		"spelled otherwise":      {keys, of, respell(func(map[string]any) {}), nil},
		"of another connection":  {keys, writetrace.Intent{ConnectionUID: "u2", ID: of.ID, Mark: of.Mark}, stored, writetrace.ErrForged},
		"of another intent":      {keys, writetrace.Intent{ConnectionUID: "u1", ID: strings.ToUpper(of.ID), Mark: of.Mark}, stored, writetrace.ErrForged},
		"of another mark":        {keys, writetrace.Intent{ConnectionUID: "u1", ID: of.ID, Mark: "passwd"}, stored, writetrace.ErrForged},
		"of another path":        {keys, of, respell(func(spelled map[string]any) { spelled["path"] = "/requests/32" }), writetrace.ErrForged},
		"of other wanted values": {keys, of, respell(func(spelled map[string]any) { spelled["wanted"] = []any{} }), writetrace.ErrForged},
		"without a seal":         {keys, of, respell(func(spelled map[string]any) { delete(spelled, "seal") }), writetrace.ErrForged},
		"no trace":               {keys, of, []byte(`[]`), writetrace.ErrForged},
		"of a key that is lost":  {newKeys(t), of, stored, seal.ErrUnknownKey},
	} {
		got, err := writetrace.Decode(tc.keys, tc.of, tc.stored)
		want := trace
		if tc.want != nil {
			want = sdp.WriteTrace{}
		}
		if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v %s", name, err, tc.want, diff)
		}
	}
}
