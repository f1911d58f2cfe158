package installations

import (
	"os"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // the clients' of the tests; the processes log to their files
	os.Exit(pgtest.Main(m))
}

// TestInstallations runs what shares a cluster.
func TestInstallations(t *testing.T) {
	cluster := controllerstest.StartCluster(t)
	for name, test := range map[string]func(*testing.T, *controllerstest.Cluster){
		"two releases never touch each other's objects":               testTwoReleases,
		"rows of a namespace that is not watched any more stay":       testNarrowedList,
		"what another controller reconciles is left alone":            testOverlap,
		"one of two controllers takes each new object":                testRace,
		"a namespace that may not be read holds up no other":          testUnreadableNamespace,
		"the chart goes before the objects":                           testChartFirst,
		"the objects go before the chart":                             testObjectsFirst,
		"a failed uninstall is repeated":                              testFailedUninstall,
		"a namespace goes with its objects, and Postgres is away":     testNamespaceOfObjects,
		"a namespace goes with its objects and with their controller": testNamespaceOfBoth,
		"and with kubectl alone":                                      testNamespaceOfBothByKubectl,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, cluster)
		})
	}
}

// TestInstallations_CRD takes the CRD away, with a cluster of its own each.
func TestInstallations_CRD(t *testing.T) {
	for name, running := range map[string]bool{"while the controller runs": true, "after the controller": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testCRDDeletion(t, controllerstest.StartCluster(t), running)
		})
	}
}
