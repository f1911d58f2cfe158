// Package rollout restarts Lectern under load as a rollout, an eviction and a drained node do: controller and servers one after
// the other, behind a Service that learns of it late. Not one call may fail.
//
// What is restarted are processes, and the Service is a forwarder that does what kube-proxy does; test/e2e restarts pods. `make
// rollout` runs it for longer, at 200 requests a second. `make test` runs the short form: every server and controller is restarted
// once, and passwords change eight times, at 20 requests a second; and both programs run on a read-only root.
//
// With the race detector there are no tests here, and `go test` says so: calls would fail for want of a processor.
package rollout
