package sdpconnection

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// isProjectPage reports whether a call reads a page of projects: the call by which a token is proven asks for one.
func isProjectPage(c sdptest.Call) bool {
	info, _ := c.Input["list_info"].(sdptest.Record)
	return sdptest.To("GET", "/projects")(c) && fmt.Sprint(info["row_count"]) == "100"
}

// newestProjectsAreRead: with the toolset projects the 500 that were made last are read after every list, once an
// interval; without it none are.
func newestProjectsAreRead(t *testing.T, w *world) {
	const more = 520
	for i := range more {
		w.desk.Add("projects", sdptest.Record{"title": fmt.Sprintf("Project %04d", i)})
	}
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, onlyRequests)
	_, err := w.reconcileByHand(t.Context(), w.newByHand(), c)
	require.NoError(t, err)
	wantCount(t, "pages of projects without the toolset", w.desk.Count(isProjectPage), 0)

	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	c.Spec.Access.Toolsets = []v1alpha1.Toolset{v1alpha1.ToolsetProjects}
	require.NoError(t, w.Client.Update(t.Context(), c))
	read := func(when string, wantPages int) {
		t.Helper()
		r, before := w.newByHand(), w.desk.Count(isProjectPage)
		require.Until(t, "the projects are read "+when, func() bool {
			_, err := w.reconcileByHand(t.Context(), r, c)
			require.NoError(t, err)
			state, err := w.server.ReadProjectCache(t.Context(), w.served(t).ID)
			require.NoError(t, err)
			return state.Projects == newestProjects && time.Since(state.ReadAt) < time.Hour
		})
		wantCount(t, "pages of projects "+when, w.desk.Count(isProjectPage)-before, wantPages)
		known, err := w.server.CachedProjects(t.Context(), w.served(t).ID)
		require.NoError(t, err)
		titles := map[string]store.CachedProject{}
		for _, p := range known {
			titles[p.Title] = p
		}
		newest := titles[fmt.Sprintf("Project %04d", more-1)]
		if len(known) != newestProjects || newest.Number != fmt.Sprintf("PJT-%d", more+1) || newest.Status != "Open" || newest.Observed || titles["Office move"].ID != "" {
			t.Errorf("%s: %d projects are known, the newest of them %+v, the oldest %+v", when, len(known), newest, titles["Office move"])
		}
	}
	read("at first", newestProjects/100)
	read("before they are due", 0)
	_, err = pgtest.Connect(t, w.owner).Exec(t.Context(), `update project_cache_reads r set read_at = now() - interval '1 day'
		from sdp_connections c where c.id = r.connection_id and c.namespace = $1`, w.namespace)
	require.NoError(t, err)
	read("when they are due", newestProjects/100)
}
