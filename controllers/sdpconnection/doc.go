// Package sdpconnection reconciles SDPConnection objects: what a manifest says, what logs in, the token that servers call ServiceDesk
// Plus with, and the lists of names they resolve.
//
// It reads Secrets and ConfigMaps by name, past every cache, in the namespaces it is given and in no other. Decisions are functions of
// values; what is sent to an accounts server is claimed in the database first, by whichever controller thinks that it leads. It knows
// no SQL and no MCP.
//
// Its invariants: a grant code is sent once, after the place for what comes back was made; no secret is in a status, an event, a
// log, a metric or an error; and a reconcile that finds nothing to do writes nothing and calls nobody.
//
// +kubebuilder:rbac:groups=lectern.dev,resources=sdpconnections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=lectern.dev,resources=sdpconnections/status,verbs=patch
package sdpconnection
