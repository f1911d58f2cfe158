// Package argocd carries what Argo CD is told about Prompts and SDPConnections, for tests that run it.
//
// It imports nothing and says nothing of its own: the Lua beside it is what is installed.
package argocd

import _ "embed" // the scripts are files

// Health is the script that says how healthy an object of either kind is.
//
//go:embed health.lua
var Health string

// Actions are the actions on an object of either kind, as YAML with scripts in it.
//
//go:embed actions.yaml
var Actions string
