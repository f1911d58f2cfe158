package connectionobject

import "github.com/lectern-dev/lectern/internal/seal"

// TokenCell returns where a token of a connection is stored, by the UID of its object and its own id: the controller seals it for
// there, and servers open it there.
func TokenCell(uid, token string) seal.Cell {
	return seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: uid, Row: token}
}
