// Package crd carries the custom resource definitions as they are installed, for whoever validates
// manifests without an API server.
//
// It imports nothing and says nothing of its own: the YAML beside it is generated from api/v1alpha1.
package crd

import _ "embed" // the definitions are files

// Prompts is the CustomResourceDefinition of Prompt, as YAML.
//
//go:embed lectern.dev_prompts.yaml
var Prompts []byte

// SDPConnections is the CustomResourceDefinition of SDPConnection, as YAML.
//
//go:embed lectern.dev_sdpconnections.yaml
var SDPConnections []byte
