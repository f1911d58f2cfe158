// Package e2e installs the charts into a real cluster and uses Lectern from inside of it, as agents do: what make e2e runs, in a
// cluster of kind or in the one of any KUBECONFIG. Its tests have the build tag e2e, as nothing else needs a cluster with nodes.
package e2e
