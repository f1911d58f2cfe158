package postgres

import "os"

// maxApplicationName is as much of a name as Postgres keeps, in bytes.
const maxApplicationName = 63

// ReplicaName returns the ApplicationName of this process: that of its pod (POD_NAME, or in a pod without it the hostname), so that
// replicas are told apart in pg_stat_activity and in the log of Postgres; outside of a pod that of the program. Of a long one the
// end is kept, which is what differs.
func ReplicaName(program string) string {
	name := os.Getenv("POD_NAME")
	if name == "" && os.Getenv("KUBERNETES_SERVICE_HOST") != "" {
		name, _ = os.Hostname() // a name is no reason not to start
	}
	if name == "" {
		return program
	}
	return name[max(0, len(name)-maxApplicationName):]
}
