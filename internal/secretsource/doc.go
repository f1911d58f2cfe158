// Package secretsource reads secrets from where a person keeps them: a file, a folder with a file for each, as Kubernetes mounts a
// Secret, or a variable of the environment.
//
// It knows nothing of what the secrets are for. Its invariant: no error has anything of what was read in it, but names of keys.
package secretsource
