// Package controllerstest has what tests of controllers share: an API server with the CRD, objects in it, and the change
// requests of agents.
package controllerstest
