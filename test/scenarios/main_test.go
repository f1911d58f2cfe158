package scenarios

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// The stacks, each started by the first scenario that wants it. Scenarios of one stack follow each
// other, because some break what all of them need; the stacks work beside each other.
var (
	// releasedStack is Lectern as it is released.
	releasedStack = startOnce(testenv.StackOptions{})
	// largeStack is for thousands of prompts, which would slow down every start elsewhere. Its controller has no
	// Lease to lose while the machine is busy.
	largeStack = startOnce(testenv.StackOptions{ControllerArgs: []string{"--leader-elect=false"}})
	// authenticatedStack has callers prove who they are. Its catalogs are small, so that callers compete for them.
	authenticatedStack = startOnce(testenv.StackOptions{Authenticate: true, ServerArgs: []string{"--catalog-bytes=2000000"}})
	// failoverStack is for a Postgres that does not stay the primary.
	failoverStack = startOnce(testenv.StackOptions{})
	// killableStack has fault points, and takes over from a killed controller without waiting for its Lease.
	killableStack = startOnce(testenv.StackOptions{Tags: "faultpoints", ControllerArgs: []string{"--leader-elect=false", "--migrate=verify"}})
)

var started struct {
	sync.Mutex
	stacks []*testenv.Stack
}

func startOnce(options testenv.StackOptions) func(*testing.T) *testenv.Stack {
	start := sync.OnceValues(func() (*testenv.Stack, error) {
		stack, err := testenv.StartStack(context.Background(), options)
		if err == nil {
			started.Lock()
			defer started.Unlock()
			started.stacks = append(started.stacks, stack)
		}
		return stack, err
	})
	return func(t *testing.T) *testenv.Stack {
		t.Helper()
		stack, err := start()
		require.NoError(t, err)
		return stack
	}
}

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // the clients' of the tests; the processes log to their files
	leak.Main(m, func() (failed error) {
		for _, stack := range slices.Backward(started.stacks) {
			failed = errors.Join(failed, stack.Stop())
		}
		return failed
	})
}

func TestReleasedStack(t *testing.T) {
	t.Parallel()
	t.Run("scripts", runScripts)
	t.Run("both servers announce every change", testAnnouncements)
	t.Run("clients of older revisions are served", testLegacyRevisions)
	t.Run("a cycle of includes makes no more versions", testCycle)
	t.Run("prompts that expand without end cost little", testNothingButIncludes)
	t.Run("objects made again take over their rows", testRecreatedObjects)
	t.Run("a restored database is brought up to date", testDatabaseRestore)
	t.Run("a dump of the trial database is put back", testTrialBackup)
	t.Run("the objects of a restored etcd count", testEtcdRestore)
	t.Run("a controller waits for a migration", testEmptyDatabase)
	t.Run("a restarted container takes its own Lease", testRestartedContainer)
	t.Run("two controllers of one name change nothing twice", testTwoControllersOfOneName)
	t.Run("the controller of another cluster writes nothing", testSecondCluster)
	t.Run("nothing fails behind a pooler", testPooler)
	t.Run("connections that may not be read keep nothing else back", testUnreadableConnections)
	t.Run("policies guard what is written, and nothing else", testPolicies)
	t.Run("large prompts are served and larger ones refused", testLargePrompts)
	t.Run("a storm of refused tokens stays within the budget", testTokenStorm)
}

func TestAuthenticatedStack(t *testing.T) {
	t.Parallel()
	t.Run("a greedy caller takes nothing from another one", testGreedyReader)
	t.Run("who may not promote is refused by the review of the caller", testCallersReview)
	t.Run("no part of a token is left anywhere", testHiddenTokens)
	t.Run("the account of a stolen server may ask two questions", testStolenAccount)
	t.Run("an agent reads a cloud and a server on premises", testServiceDesk)
	t.Run("a technician works a day in the cloud and on premises", testTechniciansDay)
	t.Run("a project is made and completed in the cloud and on premises", testProject)
	t.Run("a trial installation makes what it needs", testTrialInstallation)
	t.Run("random writes under faults are made once", testRandomWrites)
	t.Run("plans are spent once, by whom they are for", testPlans)
}

func TestLargeStack(t *testing.T) {
	t.Parallel()
	t.Run("an edit does not wait for a thousand dependents", testThousandDependents)
	t.Run("a collection is served byte for byte", testCollection)
	t.Run("the catalog stays within its limit", testCatalogLimit)
	t.Run("an outage fails no call for what is held", testOutageUnderLoad)
	t.Run("the audit is what clients know of their calls", testAudit)
}

func TestKilledController(t *testing.T) {
	t.Parallel()
	t.Run("a comparison tombstones rows without objects", testComparison)
	t.Run("publishing ends as without kills", testKilledAtEveryStep)
	t.Run("change requests are answered with what happened", testChangesKilledAtEveryStep)
	t.Run("connections keep their tokens", testConnectionsKilledAtEveryStep)
	t.Run("fifty agents lose no update", testFiftyAgents)
}
