package audit_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// schema is of a tool that has a field of each kind.
const schema = `{"type":"object","properties":{
	"request_id":{"type":"string"},"ids":{"type":"array","items":{"type":"string"}},"subject":{"type":"string"},"priority":{"type":"string"},"limit":{"type":"integer"},
	"mode":{"type":"string","enum":["fast","slow"]},"kinds":{"type":"array","items":{"type":"string","enum":["a","b"]}},"due_by":{"type":"string"},"open":{"type":"boolean"},
	"udf_fields":{"type":"object","additionalProperties":{"type":"string"}},
	"members":{"type":"array","items":{"type":"object","properties":{"email":{"type":"string"},"role":{"type":"string"}}}}}}`

func knowsName(field, name string) bool {
	return (field == "priority" || field == "role") && (name == "High" || name == "Zwölf")
}

func mustReadFields(t testing.TB) audit.Fields {
	t.Helper()
	fields, err := audit.FieldsOfSchema(json.RawMessage(schema))
	require.NoError(t, err)
	return fields
}

func TestRedact(t *testing.T) {
	t.Parallel()
	fields := mustReadFields(t)
	for name, tc := range map[string]struct{ given, want string }{
		"an id":                             {`{"request_id":"4711"}`, `{"request_id":"4711"}`},
		"an id with a mark":                 {`{"request_id":"#4711"}`, `{"request_id":"#4711"}`},
		"a text for an id":                  {`{"request_id":"my secret"}`, `{"request_id":"text of 9 characters"}`},
		"ids":                               {`{"ids":["1","2","x"]}`, `{"ids":["1","2","text of 1 character"]}`},
		"a text":                            {`{"subject":"Zwölf"}`, `{"subject":"text of 5 characters"}`},
		"no text":                           {`{"subject":""}`, `{"subject":"text of 0 characters"}`},
		"the name of an entry":              {`{"priority":"Zwölf"}`, `{"priority":"Zwölf"}`},
		"a name that no list has":           {`{"priority":"my secret"}`, `{"priority":"text of 9 characters"}`},
		"an entry as ServiceDesk Plus says": {`{"priority":{"name":"High","id":"5","color":"#ff0000"}}`, `{"priority":{"name":"High","id":"5","name of 5 characters":"value of 7 characters"}}`},
		"an entry with a made-up name":      {`{"priority":{"name":"secret"}}`, `{"priority":{"name":"text of 6 characters"}}`},
		"numbers, booleans, null":           {`{"limit":10,"open":true,"subject":null}`, `{"limit":10,"open":true,"subject":null}`},
		"a number as it was written":        {`{"limit":1e400000}`, `{"limit":1e400000}`},
		"a number of many digits":           {`{"limit":` + strings.Repeat("1", 50) + `}`, `{"limit":"number of 50 characters"}`},
		"a value of an enum":                {`{"mode":"slow","kinds":["a","c"]}`, `{"mode":"slow","kinds":["a","text of 1 character"]}`},
		"a day and a time":                  {`{"due_by":"2026-12-01T10:00:00+01:00"}`, `{"due_by":"2026-12-01T10:00:00+01:00"}`},
		"a text for a time":                 {`{"due_by":"tomorrow, says Anna"}`, `{"due_by":"text of 19 characters"}`},
		"a field nobody knows":              {`{"pass\"word":"hunter2"}`, `{"name of 9 characters":"value of 7 characters"}`},
		"a number in such a field":          {`{"pin":1234}`, `{"name of 3 characters":"value of 4 characters"}`},
		"an object in such a field":         {`{"more":{"request_id":"1"}}`, `{"name of 4 characters":"value of 18 characters"}`},
		"fields of the customer":            {`{"udf_fields":{"udf_sline_1":"x"}}`, `{"udf_fields":{"name of 11 characters":"value of 1 character"}}`},
		"objects in a list":                 {`{"members":[{"email":"a@example.com","role":"High"}]}`, `{"members":[{"email":"text of 13 characters","role":"High"}]}`},
		"no JSON":                           {`{"subject":`, `"JSON of 11 characters"`},
		"two values":                        {`{} {}`, `"JSON of 5 characters"`},
		"nothing":                           {``, `"JSON of 0 characters"`},
		"too deep":                          {strings.Repeat("[", 20) + strings.Repeat("]", 20), `"JSON of 40 characters"`},
		"a long list":                       {`{"ids":[` + strings.Repeat(`"1",`, 101) + `"2"]}`, `{"ids":[` + strings.Repeat(`"1",`, 100) + `"2 more"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, string(audit.Redact(json.RawMessage(tc.given), fields, knowsName))); diff != "" {
				t.Errorf("redacted (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRedact_WithoutLists(t *testing.T) {
	t.Parallel()
	got := audit.Redact(json.RawMessage(`{"priority":"High"}`), mustReadFields(t), nil)
	if string(got) != `{"priority":"text of 4 characters"}` {
		t.Errorf("redacted to %s, though nobody knows that the name is one", got)
	}
}

// FuzzRedact puts a text that nobody may read into every place of a payload: it is not in what is kept, which is JSON all the same.
func FuzzRedact(f *testing.F) {
	fields := mustReadFields(f)
	f.Add(`{"request_id":"CANARY","priority":{"name":"CANARY"}}`)
	f.Add(`{"CANARY":{"CANARY":["CANARY"]},"mode":"CANARY","due_by":"2026-12-01CANARY"}`)
	f.Add(`{"members":[{"email":"CANARY","role":"CANARY"}],"udf_fields":{"CANARY":"CANARY"},"ids":["CANARY"]}`)
	f.Add(`"CANARY"`)
	f.Add(`{"priority":{"id":"CANARY","name":{"name":"CANARY"}}}`)
	f.Fuzz(func(t *testing.T, payload string) {
		const canary = "s3cr3t-Canary"
		for _, given := range []string{strings.ReplaceAll(payload, "CANARY", canary), strings.ReplaceAll(payload, "CANARY", `s3cr3t\u002dCanary`)} {
			got := audit.Redact(json.RawMessage(given), fields, knowsName)
			if strings.Contains(string(got), "s3cr3t") || !json.Valid(got) {
				t.Errorf("%s became %s", given, got)
			}
		}
	})
}

func TestRedactPromptArguments(t *testing.T) {
	t.Parallel()
	got := audit.RedactPromptArguments([]string{"tone", "ticket", "audience"}, map[string]string{"ticket": "secret", "tone": "secret", "secret": "secret"})
	if diff := cmp.Diff(`{"arguments":["ticket","tone"],"others":1}`, string(got)); diff != "" {
		t.Errorf("redacted (-want +got)\n%s", diff)
	}
}

// TestSealPayload: what was said opens in its row alone, and has no credential in it.
func TestSealPayload(t *testing.T) {
	t.Parallel()
	keys, row := newKeys(t), audit.NewID()
	const said = `{"subject":"printer","note":"Authorization: Bearer abcdefghijk123456","x":"1000.8cb99d4800000000005be93.9b8b0000000000003ddf"}`
	sealed, err := audit.SealPayload(keys, audit.APICallTable, "u1", row, []byte(said))
	require.NoError(t, err)
	opened, err := audit.OpenPayload(keys, audit.APICallTable, "u1", row, sealed)
	require.NoError(t, err)
	if text := string(opened); !strings.Contains(text, `"subject":"printer"`) || strings.Contains(text, "abcdefghijk123456") || strings.Contains(text, "9b8b") || !json.Valid(opened) {
		t.Errorf("what was said opens to %s", text)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another row":        func() ([]byte, error) { return audit.OpenPayload(keys, audit.APICallTable, "u1", uuid.New(), sealed) },
		"another table":      func() ([]byte, error) { return audit.OpenPayload(keys, audit.ToolUsageTable, "u1", row, sealed) },
		"another connection": func() ([]byte, error) { return audit.OpenPayload(keys, audit.APICallTable, "u2", row, sealed) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("it opens in %s", name)
		}
	}
}

// TestSealPayload_Long: of what is too long the texts are cut, and ids are there.
func TestSealPayload_Long(t *testing.T) {
	t.Parallel()
	keys, row := newKeys(t), audit.NewID()
	long := strings.Repeat("x", 3000)
	for name, tc := range map[string]struct{ said, want string }{
		"a long text":     {`{"note":"` + strings.Repeat(long, 300) + `","request_id":"4711"}`, `{"note":"` + long[:2000] + `… (text of 900000 characters)","request_id":"4711"}`},
		"many texts":      {`{"request_id":"4711","notes":[` + strings.Repeat(`"`+long+`",`, 300) + `""]}`, `"201 more"]}`},
		"many fields":     {`{"request_id":"4711"` + strings.Repeat(`,"`+long+`":"`+long+`"`, 3000) + `}`, `more"}`},
		"what is no JSON": {strings.Repeat(long, 300), `"JSON of 900000 characters"`},
	} {
		sealed, err := audit.SealPayload(keys, audit.APICallTable, "u1", row, []byte(tc.said))
		require.NoError(t, err)
		opened, err := audit.OpenPayload(keys, audit.APICallTable, "u1", row, sealed)
		require.NoError(t, err)
		hasID := strings.Contains(string(opened), `"request_id":"4711"`) == strings.Contains(tc.said, "4711")
		if !json.Valid(opened) || len(opened) > 512<<10 || !hasID || !strings.HasSuffix(string(opened), tc.want) {
			t.Errorf("%s: %d bytes are kept: %.300s … %s", name, len(opened), opened, opened[max(0, len(opened)-100):])
		}
	}
}

// TestPayloadPolicy_Long: neither white space nor what nobody knows nor long texts hide what a call was about, nor does a long answer.
func TestPayloadPolicy_Long(t *testing.T) {
	t.Parallel()
	fields := mustReadFields(t)
	policy := audit.PayloadPolicy{Payloads: audit.PayloadsRedacted}
	ticket := `{"id":"1","display_id":"31","subject":"` + strings.Repeat("x", 500) + `","is_overdue":false,"requester":{"id":"7","name":"Anna"},"description":"…"},`
	for name, tc := range map[string]struct {
		fields audit.Fields
		said   string
		want   string
	}{
		"white space":          {fields, `{"request_id"` + strings.Repeat(" \n", 100_000) + `:"4711"}`, `{"request_id":"4711"}`},
		"a long text":          {fields, `{"subject":"` + strings.Repeat("x", 100_000) + `","request_id":"4711"}`, `{"subject":"text of 100000 characters","request_id":"4711"}`},
		"what nobody knows":    {fields, `{` + strings.Repeat(`"a":"b",`, 5000) + `"request_id":"4711"}`, `{"request_id":"4711","cut":"5000 more"}`},
		"a long answer":        {audit.SDPFields, `{"answered":{"requests":[` + strings.Repeat(ticket, 99) + ticket[:len(ticket)-1] + `]}}`, ""},
		"a very long answer":   {audit.SDPFields, `{"answered":{"requests":[` + strings.Repeat(`{"requests":[`+strings.Repeat(ticket, 99)+ticket[:len(ticket)-1]+`]},`, 99) + `{}]}}`, ""},
		"more than any call":   {fields, `{"subject":"` + strings.Repeat("x", 9<<20) + `"}`, `"JSON of 9437198 characters"`},
		"what is not to be so": {fields, `[` + strings.Repeat(`[1,`, 10) + strings.Repeat(`"x",`, 200) + `1` + strings.Repeat(`]`, 11), ""},
	} {
		kept, err := policy.Make(audit.ToolUsageTable, "u1", audit.NewID(), json.RawMessage(tc.said), tc.fields)
		require.NoError(t, err)
		got := string(kept.Redacted)
		if !json.Valid(kept.Redacted) || len(got) > 64<<10 || tc.want != "" && got != tc.want {
			t.Errorf("%s: %d bytes are kept: %.300s", name, len(got), got)
		}
		if tc.want == "" && strings.HasPrefix(got, `"JSON`) || strings.Contains(tc.said, `"display_id"`) && strings.Count(got, `"display_id":"31"`) < 99 {
			t.Errorf("%s: ids are not kept: %.300s", name, got)
		}
	}
}
