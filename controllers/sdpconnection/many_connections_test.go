package sdpconnection

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// manyConnectionsAreCheap: 200 connections cost the controller at most 40 MiB, though each waits for turns with some pages of a list,
// and each is reconciled a few times until it is ready.
func manyConnectionsAreCheap(t *testing.T, w *world) {
	const connections, maxBytes, maxReconciles, products = 200, 40 << 20, 5, 1000
	for i := range products {
		w.desk.Add("products", sdptest.Record{"name": fmt.Sprintf("Product %04d of a vendor with a name of some length", i)})
	}
	w.desk.Change(func(o *sdptest.Options) { o.Limits.RefreshTokensPerUser = 2 * connections })
	refreshTokens := make([]string, connections)
	for i := range refreshTokens {
		refreshTokens[i] = w.desk.RefreshToken()
	}
	heapBefore, reconcilesBefore, began := liveHeap(), reconcilesSoFar(t), time.Now()
	for i := range connections {
		secret := w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: refreshTokens[i]})
		secret.Name = fmt.Sprintf("oauth-%d", i)
		w.create(t, secret, w.newConnection(func(c *v1alpha1.SDPConnection) {
			c.Name, c.Spec.Credentials.SecretName = fmt.Sprintf("c%d", i), v1alpha1.ObjectName(secret.Name)
			c.Spec.Access = &v1alpha1.Access{Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetAssets}}
		}))
	}
	require.Eventually(t, func() error {
		var all v1alpha1.SDPConnectionList
		if err := w.Client.List(t.Context(), &all, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		ready := 0
		for i := range all.Items {
			if meta.IsStatusConditionTrue(all.Items[i].Status.Conditions, v1alpha1.ConditionReady) {
				ready++
			}
		}
		if ready < connections {
			return fmt.Errorf("%d of %d are ready", ready, connections)
		}
		return nil
	})
	took, reconciles := time.Since(began), reconcilesSoFar(t)-reconcilesBefore
	pages := sdptest.To("GET", "/products")
	require.Until(t, "each has some pages of a list in memory", func() bool { return w.desk.Count(pages) >= 2*connections })
	read, refreshes := w.desk.Count(pages), w.refreshes()
	w.desk.ForgetCalls() // which the fake remembers, in this process
	heap := int64(liveHeap()) - int64(heapBefore)
	t.Logf("%d connections ready in %v after %d reconciles: %.1f MiB of heap, with %d pages of lists", connections,
		took.Round(time.Second), reconciles, float64(heap)/(1<<20), read)
	if heap > maxBytes {
		t.Errorf("they cost %d bytes, more than %d", heap, maxBytes)
	}
	// One a minute is due while they become ready.
	if limit := connections * (maxReconciles + int(took/time.Minute)*2); reconciles > limit {
		t.Errorf("%d reconciles, more than %d", reconciles, limit)
	}
	wantCount(t, "refreshes", refreshes, connections)
}

// liveHeap returns the bytes of what is reachable: pages of the heap that are partly free are no cost of these connections.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what has a finalizer goes with the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// reconcilesSoFar returns how often connections were reconciled in this process.
func reconcilesSoFar(t *testing.T) (total int) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "lectern_sdp_connection_reconciles_total" && family.GetType() == dto.MetricType_COUNTER {
			for _, each := range family.GetMetric() {
				total += int(each.GetCounter().GetValue())
			}
		}
	}
	return total
}
