package servicedesk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// read reads a resource: its text and type, or the failure.
func (r *replica) read(uri string) (text string) {
	r.t.Helper()
	reply := r.Send(r.t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": uri}})
	var envelope struct {
		Result *struct {
			Contents   []struct{ MIMEType, Text, Blob string }
			TTL        *int64 `json:"ttlMs"`
			CacheScope string
		}
	}
	require.NoError(r.t, json.Unmarshal([]byte(reply.Body), &envelope))
	if envelope.Result == nil {
		return reply.Failure(r.t)
	}
	if envelope.Result.TTL == nil || *envelope.Result.TTL != 0 || envelope.Result.CacheScope != "private" {
		r.t.Errorf("%s may be kept: %s", uri, reply.Body)
	}
	c := envelope.Result.Contents[0]
	return c.MIMEType + " " + c.Text + c.Blob
}

func TestResources(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	id := fake.IDs("requests")[0]
	mail := fake.IDs("conversations")[0]
	solution := fake.IDs("solutions")[0]
	number := fmt.Sprint(fake.Record("requests", id)["display_id"])
	h.connect(helpdesk, fake)
	h.connect(store.Key{Namespace: "hr", Name: "people"}, fake)
	r := h.serve(func(c *servicedesk.Config) { c.Authorizer = roles{"local:anna use support/helpdesk": true} })
	for uri, want := range map[string]string{
		"sdp://support/helpdesk/requests/" + number:                            "subject: " + dock,
		"sdp://support/helpdesk/requests/id:" + id:                             "number: " + number,
		"sdp://support/helpdesk/requests/" + number + "/conversations/" + mail: "It still shows no picture.",
		"sdp://support/helpdesk/solutions/" + solution:                         "Update the dock's firmware to 4.2 and replug it.",
		"sdp://support/helpdesk/lookups/priorities":                            "Medium | ",
	} {
		if got := r.read(uri); !strings.HasPrefix(got, "text/markdown --- begin of untrusted text ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
	}
	unknown := r.read("sdp://support/helpdesk/requests/99999")
	for _, uri := range []string{
		"sdp://hr/people/requests/" + number, "sdp://hr/people/lookups/priorities", "sdp://support/gone/requests/" + number, "sdp://support/helpdesk/requests",
		"sdp://support/helpdesk/requests/" + number + "/conversations/1", "sdp://support/helpdesk/requests/" + number + "/attachments/1",
		"sdp://support/helpdesk/lookups/users", "sdp://support/helpdesk/solutions/99999", "sdp://support/helpdesk/solutions/../requests",
		"sdp://support/helpdesk/requests/%2e%2e", "sdp://", "sdp://support/helpdesk/requests/" + number + "/notes/1",
	} {
		if got := r.read(uri); got != unknown || !strings.Contains(got, "-32602") {
			t.Errorf("%s: %s, want %s", uri, got, unknown)
		}
	}
	if got := r.read("prompt://support/gone"); !strings.Contains(got, "-32602") {
		t.Errorf("a prompt that does not exist: %s", got)
	}
	reply := r.Send(t, transporttest.Request{RPC: "resources/templates/list"}).Body
	for _, template := range []string{"prompt://{namespace}/{name}", "sdp://{namespace}/{connection}/requests/{number}", "sdp://{namespace}/{connection}/lookups/{type}"} {
		if !strings.Contains(reply, template) {
			t.Errorf("no template %s in %s", template, reply)
		}
	}
	if listed := r.Send(t, transporttest.Request{RPC: "resources/list"}).Body; strings.Contains(listed, "sdp://") {
		t.Errorf("resources/list has tickets: %s", listed)
	}
}

func TestCompletion(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for _, key := range []store.Key{helpdesk, {Namespace: "support", Name: "hosting"}, {Namespace: "hr", Name: "people"}} {
		h.connect(key, fake)
	}
	r := h.serve(func(c *servicedesk.Config) { c.Authorizer = roles{"local:anna use support/": true} })
	fake.ForgetCalls()
	complete := func(argument, value string, given map[string]any) []string {
		params := map[string]any{
			"ref": map[string]any{"type": "ref/resource", "uri": "sdp://{namespace}/{connection}/lookups/{type}"}, "argument": map[string]any{"name": argument, "value": value},
		}
		if given != nil {
			params["context"] = map[string]any{"arguments": given}
		}
		reply := r.Send(t, transporttest.Request{RPC: "completion/complete", Params: params})
		var envelope struct {
			Result struct{ Completion struct{ Values []string } }
		}
		require.NoError(t, json.Unmarshal([]byte(reply.Body), &envelope))
		if envelope.Result.Completion.Values == nil {
			return []string{reply.Failure(t)}
		}
		return envelope.Result.Completion.Values
	}
	for name, tc := range map[string]struct{ got, want []string }{
		"namespaces that are seen":      {complete("namespace", "", nil), []string{"support"}},
		"connections":                   {complete("connection", "h", nil), []string{"helpdesk", "hosting"}},
		"connections of a namespace":    {complete("connection", "", map[string]any{"namespace": "support"}), []string{"helpdesk", "hosting"}},
		"those of one that is not seen": {complete("connection", "", map[string]any{"namespace": "hr"}), []string{}},
		"types":                         {complete("type", "pri", nil), []string{"priorities"}},
		"another variable":              {complete("number", "", nil), []string{`400 -32602 sdp://{namespace}/{connection}/lookups/{type} has no variable "number"`}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	wantCalls(t, fake, 0)
}

func TestFindPeople(t *testing.T) {
	h := newHouse(t)
	for name, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		key := store.Key{Namespace: "support", Name: strings.ReplaceAll(name, " ", "-")}
		h.connect(key, fake)
		r := h.serve()
		for query, want := range map[[2]string][]string{
			{"ana", "any"}:         {"Ana Lopez"},
			{"ina@", "any"}:        {"Nina Net"},
			{"nina", "technician"}: {"Nina Net"},
			{"ana", "technician"}:  {},
		} {
			fake.ForgetCalls()
			type people struct {
				People []struct{ Name, Email, Phone string }
			}
			text, found := mustCall[people](r, "find_people", map[string]any{"connection": key.String(), "query": query[0], "kind": query[1]})
			names := []string{}
			for _, p := range found.People {
				names = append(names, p.Name)
			}
			if diff := cmp.Diff(want, names); diff != "" || strings.Contains(text, "phone") {
				t.Errorf("%s: %v (-want +got)\n%s\n%s", name, query, diff, text)
			}
			wantCalls(t, fake, 1)
		}
	}
}

func TestSearchSolutions(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	id := fake.IDs("solutions")[0]
	type articles struct {
		Solutions []struct{ ID, Subject, Excerpt, Text, URI string }
	}
	for _, tc := range []struct {
		arguments map[string]any
		want      string
		calls     int
	}{
		{map[string]any{"query": "dock picture"}, "Dock shows no picture", 1},
		{map[string]any{"query": "wifi"}, "VPN drops behind hotel Wi-Fi", 1},
		{map[string]any{"request_id": "id:" + fake.IDs("requests")[0]}, "Dock shows no picture", 2},
		{map[string]any{"solution_id": id}, "Dock shows no picture", 1},
	} {
		fake.ForgetCalls()
		text, found := mustCall[articles](r, "search_solutions", tc.arguments)
		if len(found.Solutions) != 1 || found.Solutions[0].Subject != tc.want || found.Solutions[0].URI != "sdp://support/helpdesk/solutions/"+found.Solutions[0].ID {
			t.Errorf("%v: %+v\n%s", tc.arguments, found, text)
		}
		wantCalls(t, fake, tc.calls)
	}
	_, one := mustCall[articles](r, "search_solutions", map[string]any{"solution_id": id})
	if one.Solutions[0].Text != "Update the dock's firmware to 4.2 and replug it." {
		t.Errorf("an article: %+v", one)
	}
	for arguments, want := range map[*map[string]any]string{
		{}:                     "give exactly one of query, request_id and solution_id",
		{"solution_id": "999"}: "NotFoundError: no such article; search_solutions says which there are",
		{"request_id": "999"}:  "NotFoundError: no such ticket",
	} {
		if got := r.call("search_solutions", *arguments); !strings.Contains(got.Text, want) {
			t.Errorf("%v: %s, want %s", *arguments, got.Text, want)
		}
	}
}

// TestResources_Attachments: a text is framed, an image is shown as it is, and of what is neither, or too large, its name alone.
func TestResources_Attachments(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	ticket := fake.IDs("requests")[0]
	attach := func(name, contentType string, content []byte) string {
		upload(t, fake, ticket, name, contentType, content)
		ids := fake.IDs("attachments")
		return ids[len(ids)-1]
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	for name, tc := range map[string]struct {
		id   string
		want []string
	}{
		"a text":          {attach("log.txt", "text/plain", []byte("error 5\u202e hidden")), []string{"text/plain --- begin of untrusted text ", "\nerror 5 hidden\n"}},
		"an image":        {attach("shot.png", "image/png", []byte("PNG")), []string{"image/png UE5H"}},
		"another":         {attach("a.exe", "application/octet-stream", []byte("MZ")), []string{"text/markdown This file is not shown", "file: a.exe"}},
		"a drawing":       {attach("a.svg", "image/svg+xml", []byte("<svg/>")), []string{"This file is not shown", "file: a.svg"}},
		"too long a text": {attach("long.txt", "text/plain", make([]byte, 65<<10)), []string{"This file is not shown", "file: long.txt"}},
	} {
		got := r.read("sdp://support/helpdesk/requests/id:" + ticket + "/attachments/" + tc.id)
		for _, part := range tc.want {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %.500s, want %s", name, got, part)
			}
		}
	}
}

// upload attaches a file to a ticket as a person does.
func upload(t *testing.T, fake *sdptest.Server, ticket, name, contentType string, content []byte) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("addtoattachment", "true"))
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="filename"; filename=%q`, name)}, "Content-Type": {contentType},
	})
	require.NoError(t, err)
	_, err = part.Write(content)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fake.URL()+"/app/itdesk/api/v3/requests/"+ticket+"/_uploads", &body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", form.FormDataContentType())
	request.Header.Set("Accept", "application/vnd.manageengine.sdp.v3+json")
	request.Header.Set("Authorization", "Zoho-oauthtoken "+fake.AccessToken("SDPOnDemand.requests.ALL"))
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		said, _ := io.ReadAll(response.Body)
		t.Fatalf("upload %s: %d %s", name, response.StatusCode, said)
	}
}

// TestResources_Lookups: a list that the tool does not offer is no resource and no completion, and a long one is cut and says so.
func TestResources_Lookups(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for i := range 2000 {
		fake.Add("categories", sdptest.Record{"name": fmt.Sprintf("%s %04d", strings.Repeat("Category", 8), i)})
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	for _, list := range sdp.LookupTypes() {
		tool := r.call("list_lookup", map[string]any{"type": string(list)})
		isOffered := !strings.Contains(tool.Text, "is not one of")
		got := r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://support/helpdesk/lookups/" + string(list)}})
		if isUnknown := strings.Contains(got.Body, "-32602") || strings.Contains(got.Body, "-32002"); !isOffered && !isUnknown {
			t.Errorf("the tool does not offer %s, the resource is %.300s", list, got.Body)
		}
		completed := r.Send(t, transporttest.Request{RPC: "completion/complete", Params: map[string]any{
			"ref":      map[string]any{"type": "ref/resource", "uri": "sdp://{namespace}/{connection}/lookups/{type}"},
			"argument": map[string]any{"name": "type", "value": string(list)},
		}}).Body
		if isCompleted := strings.Contains(completed, `"`+string(list)+`"`); isCompleted != isOffered {
			t.Errorf("%s: completed %t, offered %t: %s", list, isCompleted, isOffered, completed)
		}
	}
	long := r.read("sdp://support/helpdesk/lookups/categories")
	if len(long) > 64<<10 || !strings.Contains(long, " of 2004 entries; list_lookup has all, by pages.") {
		t.Errorf("a long list is %d bytes: %.300s", len(long), long)
	}
}
