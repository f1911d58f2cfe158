package postgres

import _ "embed"

// RolesSQL is the script for psql that makes the roles and the database of an installation, and takes from the servers' roles what
// they do not need. No secret is in it: it takes passwords from its environment.
//
//go:embed roles.sql
var RolesSQL string
