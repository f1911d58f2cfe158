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
// credential is taken out before, so that no mode keeps one. Of more than 512 KiB the texts are cut, and say so.
func SealPayload(keys Keys, table Table, connectionUID string, row uuid.UUID, payload []byte) ([]byte, error) {
	var credentials redact.Redactor
	payload = cutPayload(payload)
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

// cutPayload returns a payload that is short enough to be sealed.
func cutPayload(payload []byte) []byte {
	const limit = maxSealed / 2
	if len(payload) <= limit {
		return payload
	}
	for _, longest := range []int{2000, 200, 20} {
		if cut := cutTexts(payload, longest, limit); cut != nil && (longest == 20 || len(cut) < limit-closingRoom) {
			return cut
		}
	}
	return quoteLength(payload)
}
