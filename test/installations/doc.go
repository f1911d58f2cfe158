// Package installations runs installations of Lectern beside each other in one cluster, and takes them away in every order:
// controllers and `lectern release` as processes, with the rights that the chart gives them, on a real API server and Postgres.
//
// What a cluster has beside an API server is played: who stops a Deployment's pods, and the deletion of a namespace's content,
// in the order that is worst.
package installations
