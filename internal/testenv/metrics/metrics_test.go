package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const exported = `# TYPE entries gauge
entries{part="bodies"} 3
entries{part="pages"} 4
# TYPE applied_total counter
applied_total{action="Update",kind="a"} 2
`

func TestFamilies_Sum(t *testing.T) {
	t.Parallel()
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, exported)
	}))
	defer program.Close()
	read, err := Read(t.Context(), program.URL+"/metrics")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		family string
		labels []string
		want   float64
		found  bool
	}{
		"all series":          {"entries", nil, 7, true},
		"of a label":          {"entries", []string{"part", "pages"}, 4, true},
		"of one label of two": {"applied_total", []string{"action", "Update"}, 2, true},
		"of another value":    {"entries", []string{"part", "lists"}, 0, false},
		"of another label":    {"entries", []string{"kind", "pages"}, 0, false},
		"no such family":      {"absent", nil, 0, false},
	} {
		if got, found := read.Sum(tc.family, tc.labels...); got != tc.want || found != tc.found {
			t.Errorf("%s: %v, %t; want %v, %t", name, got, found, tc.want, tc.found)
		}
	}
	if _, err := Read(t.Context(), program.URL); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an answer that is none: %v", err)
	}
}
