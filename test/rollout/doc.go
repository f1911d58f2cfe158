// Package rollout restarts Lectern under load as a rollout, an eviction and a drained node do: controller and servers one after
// the other, behind a Service that learns of it late. Not one call may fail.
//
// What is restarted are processes, and the Service is a forwarder that does what kube-proxy does; test/e2e restarts pods. `make
// rollout` runs it for longer, at 200 requests a second.
package rollout
