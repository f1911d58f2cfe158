// Package scenarios tests all of Lectern as processes: etcd, kube-apiserver, Postgres, a controller
// and two servers, seen by people who apply objects and by agents that speak MCP.
//
// What reads as a story is a script in testdata; what counts or compares is Go. Only what a user of
// kubectl, an MCP client or an operator with psql can see is asserted, never time: figures are
// logged. After every scenario each Prompt of its namespace is held against the kstatus contract.
package scenarios
