// Package testenv runs the world Lectern lives in on one machine: Postgres, etcd and kube-apiserver,
// and Lectern's own processes beside them. Tests, the demo and the benchmarks start from here.
//
// Everything is real; nothing is downloaded that is already on the machine. The package must not
// know what Lectern does, only how its commands are started.
//
// Its invariant: whatever it starts is gone, folders included, when Stop returns, and also when the
// calling process dies without calling Stop.
package testenv
