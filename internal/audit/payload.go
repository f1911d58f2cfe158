package audit

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/seal"
)

// payloadCell is where the sealed payload of a row is.
func payloadCell(table Table, connectionUID string, row uuid.UUID) seal.Cell {
	return seal.Cell{Table: table.name(), Column: "sealed_payload", Connection: connectionUID, Row: row.String()}
}

// SealPayload seals what was said in full, for the row of an id: the CallID of a ToolUsage, the ID of an APICall. What looks like a
// credential is taken out before, so that no mode keeps one. One of more than 512 KiB is not kept.
func SealPayload(keys Keys, table Table, connectionUID string, row uuid.UUID, payload []byte) ([]byte, error) {
	var credentials redact.Redactor
	if len(payload) > maxSealed/2 {
		return nil, nil
	}
	sealed, err := keys.Seal([]byte(credentials.Text(string(payload))), payloadCell(table, connectionUID, row))
	if err != nil {
		return nil, fmt.Errorf("seal a payload: %w", err)
	}
	return sealed, nil
}

// OpenPayload opens what SealPayload sealed.
func OpenPayload(keys Keys, table Table, connectionUID string, row uuid.UUID, sealed []byte) ([]byte, error) {
	return keys.Open(sealed, payloadCell(table, connectionUID, row))
}
